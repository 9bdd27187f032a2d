import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for a condition, however slow the machine is; gives up after half a minute. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 1_000; waited += 1) {
    if (await isSo()) return;
    await sleep(30);
  }
  throw new Error('it was not so within 30 seconds');
}
