import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { newestCheckpoints } from './checkpoint-published.js';

/** The root that answers name: how many events are under it, and in Base64. */
export interface SealedBy {
  size: number;
  rootHash: string;
}

/*
 * Whether everything dated at or before T is sealed is asked where an index answers it. An event is recorded within ten
 * minutes of its instant (CHECK event_recorded_promptly; an `expired` is late, and decides nothing), and numbers are drawn as
 * the clock is read, so that what was recorded minutes before a sealed event is sealed too:
 *
 *   after    the first opening that was recorded too late to be dated before T. If it is sealed, so is all up to T
 *   before   else the last opening up to T. If it is sealed, only what was recorded after it is left to be looked through
 *
 * The ORDER BY keeps the planner at the index of openings, and counting at the indexes that find blocks: to look for a first
 * row it would begin a scan of the month. Values enter where the planner does not see them: it would plan anew each time, 3 ms.
 */
const checkpointOverSql = `
WITH asked AS MATERIALIZED (
  SELECT $1::bigint AS last_seq, $2::timestamptz AS up_to
), published AS (
  SELECT p.size, encode(h.root, 'base64') AS root_hash, h.last_seq
    FROM ${newestCheckpoints}
   ORDER BY p.size DESC, p.published_at DESC
   LIMIT 1)
SELECT p.size, p.root_hash AS "rootHash"
  FROM asked a CROSS JOIN published p
  LEFT JOIN LATERAL (
    SELECT e.seq FROM session_ledger.event e
     WHERE e.kind IN ('created', 'renewed') AND e.occurred_at > a.up_to + interval '15 minutes' AND e.recorded_at > a.up_to + interval '10 minutes'
     ORDER BY e.occurred_at LIMIT 1) after ON true
  LEFT JOIN LATERAL (
    SELECT e.seq, e.recorded_at FROM session_ledger.event e
     WHERE coalesce(after.seq > p.last_seq, true)
       AND e.kind IN ('created', 'renewed') AND e.occurred_at <= a.up_to AND e.recorded_at <= a.up_to + interval '10 minutes'
     ORDER BY e.occurred_at DESC LIMIT 1) before ON true
 WHERE p.last_seq >= a.last_seq
   AND (a.up_to IS NULL OR after.seq <= p.last_seq OR coalesce(before.seq <= p.last_seq, true) AND 0 = (
        SELECT count(*) FROM session_ledger.event e
         WHERE e.seq > p.last_seq AND e.occurred_at <= a.up_to AND e.kind <> 'expired'
           AND e.recorded_at > coalesce(before.recorded_at - interval '15 minutes', '-infinity') AND e.recorded_at <= a.up_to + interval '10 minutes'))`;

/**
 * The checkpoint that seals an answer.
 *
 * @param rows that the answer rests on, each of them the leaf that was sealed.
 * @param upTo for an answer that rests on the absence of others: every event dated at or before this instant must be sealed. It must
 *   be settled, or more of them may come.
 * @returns null while something of this is not under a published checkpoint.
 * @example
 * const checkpoint = await checkpointOver(reader, evidence);
 */
export async function checkpointOver(
  executor: Executor,
  rows: readonly { readonly seq: number }[],
  upTo: Instant | null = null,
): Promise<SealedBy | null> {
  const lastSeq = rows.reduce((last, { seq }) => Math.max(last, seq), 0);
  const statement = { name: 'checkpoint_over', text: checkpointOverSql, values: [lastSeq, upTo] };
  return (await queryRows<SealedBy>(executor, statement))[0] ?? null;
}
