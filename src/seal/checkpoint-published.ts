import { queryRows, type Executor } from '../ledger/named-query.js';

/** A checkpoint that was signed and recorded. */
export interface PublishedCheckpoint {
  readonly origin: string;
  /** Leaves under it. */
  readonly size: number;
  /** Base64 of 32 bytes: the root over them, as the checkpoint says it. */
  readonly rootHash: string;
  /** Events up to this `seq` are under it. */
  readonly lastSeq: number;
  /** The signed note, verbatim. */
  readonly note: string;
}

/**
 * The newest checkpoint of each log, to be selected from: `origin`, `size`, `note`, `published_at`, `root`, `last_seq`. Log by log, because
 * the index leads with the log: there are as many checkpoints as there were seals.
 */
export const newestCheckpoints = `
(SELECT DISTINCT k.origin FROM session_ledger.seal_key k) log
 CROSS JOIN LATERAL (
    SELECT c.* FROM session_ledger.published_checkpoint c WHERE c.origin = log.origin ORDER BY c.size DESC LIMIT 1) p
 CROSS JOIN LATERAL (
    SELECT t.root, t.last_seq FROM session_ledger.tree_head t WHERE t.size = p.size LIMIT 1) h`;

const publishedCheckpointSql = `
SELECT p.origin, p.size, encode(h.root, 'base64') AS "rootHash", h.last_seq AS "lastSeq", p.note
  FROM ${newestCheckpoints}
 WHERE $1::text IS NULL OR p.origin = $1
 ORDER BY p.size DESC, p.published_at DESC
 LIMIT 1`;

/**
 * The newest checkpoint: what answers rest on, and how far they are sealed.
 *
 * @param origin of one log; of any when omitted.
 * @returns undefined before the first seal.
 * @example
 * const sealed = event.seq <= (await publishedCheckpoint(reader))!.lastSeq;
 */
export async function publishedCheckpoint(
  executor: Executor,
  origin?: string,
): Promise<PublishedCheckpoint | undefined> {
  const statement = { name: 'published_checkpoint', text: publishedCheckpointSql, values: [origin ?? null] };
  return (await queryRows<PublishedCheckpoint>(executor, statement))[0];
}
