import type { MigrationInterface, QueryRunner } from 'typeorm';

/*
 * The one definition of "live at T" (design section 5):
 *
 *   A session is live at T when its last event (by session_seq) with occurred_at <= T is not terminal
 *   and T < expires_at of that event.
 *
 * An `expired` event is passed over when the last event is looked for: it is dated at the deadline that the event
 * before it already carries, so it decides nothing, and as the only kind recorded late it would change the evidence of
 * an answer already given. Passing it over keeps the answer and keeps the evidence settled.
 *
 * p_known_at = K answers from the events with recorded_at <= K: what the ledger said then. p_oldest bounds recorded_at
 * from below (callers pass T - L - slack), so that partitions are pruned; the CHECK event_recorded_promptly makes the
 * bounds sound. Those bounds differ from row to row and leave partitions out each time that one is looked for; p_recorded_from and
 * p_recorded_to are for callers who know bounds that hold for all their rows, as parameters, which leave partitions out once.
 * These functions are plain SQL so that the planner inlines them into the query around them.
 */
const liveAtSql = `
CREATE FUNCTION session_ledger.is_live(p_kind text, p_expires_at timestamptz, p_at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_kind <> 'revoked' AND p_at < p_expires_at;

CREATE FUNCTION session_ledger.last_event_at(p_bucket smallint, p_session_id uuid, p_at timestamptz, p_known_at timestamptz, p_oldest timestamptz,
                                             p_recorded_from timestamptz DEFAULT '-infinity', p_recorded_to timestamptz DEFAULT 'infinity')
RETURNS SETOF session_ledger.event LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
  SELECT e.* FROM session_ledger.event e
   WHERE e.bucket = p_bucket AND e.session_id = p_session_id AND e.kind <> 'expired' AND e.occurred_at <= p_at
     AND e.recorded_at > p_oldest AND e.recorded_at <= least(p_known_at, p_at + interval '10 minutes')
     AND e.recorded_at >= p_recorded_from AND e.recorded_at <= p_recorded_to
   ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1
$$;
COMMENT ON FUNCTION session_ledger.last_event_at IS 'The event that decides whether the session is live at p_at, or no row.';
`;

export class LiveAt1767225600004 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(liveAtSql);
  }

  async down(): Promise<void> {
    throw new Error('refusing to drop the definition every answer rests on; go forward with a new migration');
  }
}
