import { queryRows, type Executor } from '../ledger/named-query.js';
import { publishedCheckpoint } from './checkpoint-published.js';
import type { LogPlace } from './log-place.js';
import { requestTimestamp } from './timestamp.js';

/**
 * Has the newest published checkpoint stamped by an authority, unless it is, and keeps the token in the database and beside the log:
 * `timestamped` is the checkpoint, `timestamped.tsr` the token over its bytes. Never part of sealing: what fails here is tried again
 * with the checkpoint that is the newest then.
 *
 * @param executor connections of the sealer's role.
 * @throws SessionLedgerError as `requestTimestamp` does, and what the places throw.
 */
export async function stampNewest(
  executor: Executor,
  url: string,
  places: readonly LogPlace[],
  stopping: AbortSignal = new AbortController().signal,
): Promise<void> {
  const published = await publishedCheckpoint(executor);
  if (published === undefined || (await isStamped(executor, published.origin, published.size))) return;
  const { origin, size, note } = published;
  const { response, stampedAt } = await requestTimestamp(url, Buffer.from(note), stopping);
  await recordTimestamp(executor, { origin, size, authority: url, response, stampedAt });
  for (const place of places) {
    await place.write([
      { path: 'timestamped.tsr', content: response, isFinal: true },
      { path: 'timestamped', content: note, isFinal: true },
    ]);
  }
}

const isStampedSql = `
SELECT EXISTS (SELECT 1 FROM session_ledger.checkpoint_timestamp WHERE origin = $1 AND size = $2) AS stamped`;

async function isStamped(executor: Executor, origin: string, size: number): Promise<boolean> {
  const statement = { name: 'is_stamped', text: isStampedSql, values: [origin, size] };
  return (await queryRows<{ stamped: boolean }>(executor, statement))[0]!.stamped;
}

const recordTimestampSql = `
INSERT INTO session_ledger.checkpoint_timestamp (origin, size, authority, response, stamped_at) VALUES ($1, $2, $3, $4, $5)`;

async function recordTimestamp(
  executor: Executor,
  stamp: { origin: string; size: number; authority: string; response: Buffer; stampedAt: string },
): Promise<void> {
  const { origin, size, authority, response, stampedAt } = stamp;
  const values = [origin, size, authority, response, stampedAt];
  await queryRows(executor, { name: 'record_timestamp', text: recordTimestampSql, values });
}
