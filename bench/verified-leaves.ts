/*
 * How many leaves per second one core verifies: each hashed, the tree built and laid beside the stored tiles, and each session followed
 * from event to event. The log lies in memory, so that what is measured is the verifier and no disk.
 *
 *   node --import tsx bench/verified-leaves.ts --events 1000000 --rounds 5
 */
import { verifyLog } from '../dist/src/seal/verifier.js';
import { median, report } from './finding.js';
import { makeLog } from './made-log.js';
import { numberOptions } from './number-options.js';

const { events, rounds } = numberOptions({ events: 1_000_000, rounds: 5 });
const { log, keys } = await makeLog(events);
const whole: number[] = [];
const treeAlone: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  whole.push(await leavesPerSecond(true));
  treeAlone.push(await leavesPerSecond(false));
}
report([
  { what: 'leaves verified on one core', value: median(whole), unit: 'leaves/s', goal: { atLeast: 500_000 } },
  { what: 'the same without following sessions', value: median(treeAlone), unit: 'leaves/s' },
]);

async function leavesPerSecond(followsSessions: boolean): Promise<number> {
  const begun = performance.now();
  const { holds, faults } = await verifyLog(log, { keys, followsSessions });
  if (!holds) throw new Error(`the log does not hold: ${faults[0]}`);
  return events / ((performance.now() - begun) / 1000);
}
