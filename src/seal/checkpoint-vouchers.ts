import { queryRows, type Executor } from '../ledger/named-query.js';
import type { SignedCheckpoint } from './checkpoint-list.js';

const newestCosignedSql = `
SELECT p.size, p.note
  FROM session_ledger.checkpoint_cosignature c
  JOIN session_ledger.published_checkpoint p USING (origin, size)
 ORDER BY c.size DESC, p.published_at DESC
 LIMIT 1`;

/** The newest checkpoint that a witness has cosigned, with all cosignatures; undefined where none has. */
export async function newestCosigned(executor: Executor): Promise<string | undefined> {
  const statement = { name: 'newest_cosigned', text: newestCosignedSql, values: [] };
  const [found] = await queryRows<SignedCheckpoint>(executor, statement);
  if (found === undefined) return undefined;
  return `${found.note}${await cosignaturesOn(executor, found.note.slice(0, found.note.indexOf('\n')), found.size)}`;
}

const cosignaturesOnSql = `
SELECT coalesce(string_agg(lines, '' ORDER BY witness), '') AS lines
  FROM session_ledger.checkpoint_cosignature WHERE origin = $1 AND size = $2`;

/** The signature lines that witnesses have added to a checkpoint, each with its line break. */
export async function cosignaturesOn(executor: Executor, origin: string, size: number): Promise<string> {
  const statement = { name: 'cosignatures_on', text: cosignaturesOnSql, values: [origin, size] };
  return (await queryRows<{ lines: string }>(executor, statement))[0]!.lines;
}

const timestampOnSql = `
SELECT size, response FROM session_ledger.checkpoint_timestamp
 WHERE $1::bigint IS NULL OR size = $1 ORDER BY size DESC, added_at DESC LIMIT 1`;

/**
 * What a time-stamping authority answered about a checkpoint.
 *
 * @param size of the checkpoint; the newest that was stamped when omitted.
 */
export async function timestampOn(
  executor: Executor,
  size?: number,
): Promise<{ size: number; response: Buffer } | undefined> {
  const statement = { name: 'timestamp_on', text: timestampOnSql, values: [size ?? null] };
  return (await queryRows<{ size: number; response: Buffer }>(executor, statement))[0];
}
