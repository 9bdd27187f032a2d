import { queryRows, type Executor } from '../ledger/named-query.js';
import type { PublishedCheckpoint } from './checkpoint-published.js';

/** A checkpoint as it was signed. */
export interface SignedCheckpoint {
  readonly size: number;
  readonly note: string;
}

const publishedUpToSql = `
SELECT size, note FROM session_ledger.published_checkpoint WHERE origin = $1 AND size <= $2 ORDER BY size DESC LIMIT 1`;

/** The newest checkpoint over at most so many leaves; undefined where there is none. */
export async function publishedUpTo(
  executor: Executor,
  origin: string,
  size: number,
): Promise<SignedCheckpoint | undefined> {
  const statement = { name: 'published_up_to', text: publishedUpToSql, values: [origin, size] };
  return (await queryRows<SignedCheckpoint>(executor, statement))[0];
}

const publishedOverSql = `
SELECT p.origin, p.size, encode(h.root, 'base64') AS "rootHash", h.last_seq AS "lastSeq", p.note
  FROM session_ledger.published_checkpoint p
  JOIN session_ledger.tree_head h USING (size)
 WHERE p.size = $1
 ORDER BY p.published_at DESC
 LIMIT 1`;

/** The checkpoint that was published over exactly so many events; undefined where there is none. */
export async function publishedOver(executor: Executor, size: number): Promise<PublishedCheckpoint | undefined> {
  const statement = { name: 'published_over', text: publishedOverSql, values: [size] };
  return (await queryRows<PublishedCheckpoint>(executor, statement))[0];
}
