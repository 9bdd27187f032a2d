import { queryRows, type Executor } from '../ledger/named-query.js';

/** How far the seals are, and behind what was recorded. */
export interface SealLag {
  /** Events under the newest head. */
  readonly sealedSize: number;
  /** Events under the newest checkpoint that was published. */
  readonly publishedSize: number;
  /** Seconds since the oldest event that is not sealed was recorded; 0 when all are. */
  readonly lagSeconds: number;
}

// Numbers are drawn in order, so the oldest unsealed event is among the next ones; a bound on seq keeps an outage of sealing from
// making each look at it dearer.
const sealLagSql = `
SELECT coalesce(h.size, 0) AS "sealedSize",
       (SELECT coalesce(max(p.size), 0) FROM session_ledger.published_checkpoint p) AS "publishedSize",
       coalesce(extract(epoch FROM clock_timestamp() - (
         SELECT min(e.recorded_at) FROM session_ledger.event e
          WHERE e.seq > coalesce(h.last_seq, 0) AND e.seq <= coalesce(h.last_seq, 0) + 10000
            AND e.recorded_at > coalesce(h.sealed_at - interval '1 day', '-infinity'))), 0)::float8 AS "lagSeconds"
  FROM (VALUES (1)) AS one
  LEFT JOIN LATERAL (SELECT size, last_seq, sealed_at FROM session_ledger.tree_head ORDER BY size DESC LIMIT 1) h ON true`;

/** How far the seals are now, whoever makes them. */
export async function sealLag(executor: Executor): Promise<SealLag> {
  return (await queryRows<SealLag>(executor, { name: 'seal_lag', text: sealLagSql, values: [] }))[0]!;
}
