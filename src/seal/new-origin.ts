import { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { openCheckpoint } from './checkpoint.js';
import { publishedCheckpoint } from './checkpoint-published.js';
import { parseVerifierKey } from './note-key.js';
import type { ListedKey } from './seal-keys.js';

/**
 * Puts on the ledger that the log goes on under another name, before the first checkpoint under it: that checkpoint then covers how the
 * log before ended. Does nothing for a name that the log has had, or for its first.
 *
 * @param previousCheckpoint the last one under the name before, as it was published; when omitted, the newest that the database knows,
 *   which after a restore may not be the last.
 * @returns the `seq` that the first checkpoint under this name has to cover.
 * @throws SessionLedgerError `ERR_CONFIGURATION` for a checkpoint that no key of this ledger signed.
 */
export async function openOrigin(
  executor: Executor,
  origin: string,
  listed: readonly ListedKey[],
  previousCheckpoint: string | undefined,
): Promise<number> {
  if (listed.length === 0 || listed.some((key) => key.origin === origin)) return 0;
  const previous = previousCheckpoint ?? (await publishedCheckpoint(executor))?.note;
  if (previous === undefined) return 0;
  refuseStrangers(previous, listed);
  return recordOrigin(executor, origin, previous);
}

function refuseStrangers(note: string, listed: readonly ListedKey[]): void {
  const origin = note.slice(0, note.indexOf('\n'));
  const logKeys = listed.filter((key) => key.origin === origin).map(({ vkey }) => parseVerifierKey(vkey));
  try {
    openCheckpoint(note, { origin, logKeys });
  } catch (cause) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      'SESSION_LEDGER_PREVIOUS_CHECKPOINT_FILE must name the last checkpoint of this ledger under the name before, such as "signed" in its directory',
      { cause },
    );
  }
}

const openOriginSql = `
SELECT session_ledger.open_origin($1, $2) AS seq`;

async function recordOrigin(executor: Executor, origin: string, previous: string): Promise<number> {
  const statement = { name: 'open_origin', text: openOriginSql, values: [origin, previous] };
  return (await queryRows<{ seq: number }>(executor, statement))[0]!.seq;
}
