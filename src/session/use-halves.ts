import type { DatabaseError } from 'pg';
import { hasLostConnection } from './lost-connection.js';
import type { UseEntry } from './use-entry.js';
import type { UseRow } from './use.js';

/** SQLSTATE classes after which the same statement may succeed with other entries: data exceptions and violated constraints. */
const blamesAnEntry = /^(22|23)/;
/** Deadlock and serialisation failure: the same batch may simply be run again. */
const isPassing = /^40/;

/**
 * Runs a batch and, when one entry spoils it, halves it until only that entry fails: the others must not be refused
 * for a neighbour's sake. A statement that failed has recorded nothing, so running a half again records nothing twice.
 *
 * @throws what is not an error of the statement itself, and what blames no entry: a lost connection above all, where
 * the commit is in doubt.
 */
export async function recordUsesInHalves(
  entries: readonly UseEntry[],
  run: (entries: readonly UseEntry[]) => Promise<UseRow[]>,
  settle: (entry: UseEntry, row: UseRow) => void,
  fail: (entry: UseEntry, error: unknown) => void,
  mayRetry = true,
): Promise<void> {
  let rows: UseRow[];
  try {
    rows = await run(entries);
  } catch (error) {
    if (hasLostConnection(error)) throw error;
    const { code = '' } = error as DatabaseError;
    if (isPassing.test(code) && mayRetry) {
      return recordUsesInHalves(entries, run, settle, fail, false);
    }
    if (!blamesAnEntry.test(code) || entries.length === 1) {
      entries.forEach((entry) => fail(entry, error));
      return;
    }
    const middle = entries.length >> 1;
    await recordUsesInHalves(entries.slice(0, middle), run, settle, fail);
    await recordUsesInHalves(entries.slice(middle), run, settle, fail);
    return;
  }
  entries.forEach((entry, index) => settle(entry, rows[index]!));
}
