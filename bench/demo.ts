/*
 * How long the demo takes, from its start to its end, everything it starts and takes away again included.
 *
 *   node --import tsx bench/demo.ts --rounds 3
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { median, report } from './finding.js';
import { numberOptions } from './number-options.js';

const run = promisify(execFile);
const program = join(import.meta.dirname, '../dist/src/cli.js');
const { rounds } = numberOptions({ rounds: 3 });

const seconds: number[] = [];
for (let round = 0; round < rounds; round++) {
  const begun = performance.now();
  await run(process.execPath, [program, 'demo']);
  seconds.push((performance.now() - begun) / 1000);
}
report([{ what: 'the demo, from start to end', value: median(seconds), unit: 's', goal: { atMost: 30 } }]);
