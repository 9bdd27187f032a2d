import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { runOn } from './scratch-postgres.js';

const sealedSql = `
SELECT (SELECT coalesce(max(size), 0)::float8 FROM session_ledger.tree_head) AS sealed,
       (SELECT count(*)::float8 FROM session_ledger.event) AS recorded`;

/** Waits until whoever seals this ledger has sealed all of it; returns how many events those are. */
export async function untilSealed(url: string): Promise<number> {
  for (;;) {
    const [counted] = await runOn<{ sealed: number; recorded: number }>(url, sealedSql);
    if (counted !== undefined && counted.sealed >= counted.recorded) return counted.sealed;
    await pause(1_000);
  }
}

/** Waits until the checkpoint in a directory, which is written last, covers so many events. */
export async function untilPublished(directory: string, size: number): Promise<void> {
  for (;;) {
    const checkpoint = await readFile(join(directory, 'checkpoint'), 'utf8').catch(() => ''); // none yet
    if (Number(checkpoint.split('\n')[1]) >= size) return;
    await pause(200);
  }
}
