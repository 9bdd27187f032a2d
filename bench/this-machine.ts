/*
 * How fast this machine is at one thing that hardly depends on anything else: SHA-256 of 300 bytes, the size of a leaf, by one core. Where
 * the goals in events, rows and leaves per second were set, the same call was made 1,500,000 times a second.
 *
 *   node --import tsx bench/this-machine.ts --seconds 3
 */
import { hash } from 'node:crypto';
import { report } from './finding.js';
import { numberOptions } from './number-options.js';

const { seconds } = numberOptions({ seconds: 3 });
const whereGoalsWereSet = 1_500_000;
const atOnce = 1_000;
const leaf = Buffer.alloc(300, 'a');

hashFor(0.2);
const perSecond = hashFor(seconds);
report([
  { what: 'leaves of 300 bytes hashed by one core', value: perSecond, unit: 'hashes/s' },
  { what: 'the same, beside the machine on which the goals were set', value: perSecond / whereGoalsWereSet, unit: 'x' },
]);

function hashFor(duration: number): number {
  const begun = performance.now();
  let hashed = 0;
  for (; performance.now() - begun < duration * 1000; hashed += atOnce)
    for (let nth = 0; nth < atOnce; nth++) hash('sha256', leaf, 'buffer');
  return hashed / ((performance.now() - begun) / 1000);
}
