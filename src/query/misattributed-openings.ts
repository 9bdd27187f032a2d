import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { subjectCommitment } from '../ledger/subject-commitment.js';
import { withinYears } from '../ledger/within-years.js';
import type { Evidence } from './evidence.js';

/*
 * The months in their order, and the first opening that comes: to have them all merged by their instants asks each for its first.
 */
const misattributedOpeningsSql = `
SELECT s.subject_id AS "subjectId", e.seq, e.session_id AS "sessionId", e.kind, ${withinYears('e.occurred_at')} AS "occurredAt",
       e.recorded_at AS "recordedAt"
  FROM unnest((SELECT $1::uuid[])) AS asked(subject_id)
  JOIN session_ledger.subject s ON s.subject_id = asked.subject_id
 CROSS JOIN LATERAL (
       SELECT * FROM session_ledger.event e
        WHERE e.bucket = (get_byte(uuid_send(s.subject_id), 15) & 63)::smallint AND e.subject_id = s.subject_id
          AND e.kind IN ('created', 'renewed') AND e.recorded_at <= $2 LIMIT 1) e
 WHERE e.detail ->> 'subjectCommitment' <> ${subjectCommitment('s')}`;

/**
 * Of subjects whose row names another user than the one an opening of theirs was recorded for: that opening, by their ids.
 *
 * @param knownAt only what the ledger said then.
 */
export async function misattributedOpenings(
  executor: Executor,
  subjectIds: readonly string[],
  knownAt: Instant | 'infinity',
): Promise<ReadonlyMap<string, Evidence>> {
  if (subjectIds.length === 0) return new Map();
  const values = [subjectIds, knownAt];
  const statement = { name: 'misattributed_openings', text: misattributedOpeningsSql, values };
  const rows = await queryRows<Evidence & { subjectId: string }>(executor, statement);
  return new Map(rows.map(({ subjectId, ...opening }) => [subjectId, opening]));
}
