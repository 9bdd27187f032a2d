import { queryRows, type Executor } from '../ledger/named-query.js';
import { withinYears } from '../ledger/within-years.js';
import type { Evidence } from './evidence.js';

/** An event of a session, and its number there. */
export interface NumberedEvent {
  readonly event: Evidence;
  readonly sessionSeq: number;
}

interface Row extends Evidence {
  sessionSeq: number;
}

/*
 * Two of the longest lifetimes: an event is within one of the event before it, and of the one before that when a single event
 * is missing. What was recorded later (an `expired`, after a job that was down) is not looked for, and not missed.
 */
const followersSql = `
SELECT e.seq, e.session_id AS "sessionId", e.kind, ${withinYears('e.occurred_at')} AS "occurredAt", e.recorded_at AS "recordedAt", e.session_seq AS "sessionSeq"
  FROM (SELECT $4::bigint * interval '2 seconds' + interval '10 minutes' AS longest) t
 CROSS JOIN unnest((SELECT $1::uuid[]), (SELECT $2::timestamptz[]), (SELECT $3::integer[])) AS before(session_id, occurred_at, session_seq)
 CROSS JOIN LATERAL (
    SELECT e.* FROM session_ledger.event e
     WHERE e.bucket = (get_byte(uuid_send(before.session_id), 15) & 63)::smallint AND e.session_id = before.session_id
       AND (e.occurred_at, e.session_seq) > (before.occurred_at, before.session_seq)
       AND e.recorded_at > before.occurred_at - interval '61 seconds' AND e.recorded_at <= before.occurred_at + t.longest
     ORDER BY e.occurred_at, e.session_seq LIMIT 1) e`;

/**
 * The event that follows each of these in its session. Numbers within a session have no gaps, so a follower with any but the next one
 * shows that an event between the two is gone; and a follower that was dated later than it was sealed leaves a time to the event before
 * it that was never its.
 *
 * @param longestSeconds the longest lifetime that any policy allowed.
 * @returns by session.
 */
export async function followersOf(
  executor: Executor,
  events: readonly NumberedEvent[],
  longestSeconds: number,
): Promise<Map<string, NumberedEvent>> {
  if (events.length === 0) return new Map();
  const values = [
    events.map(({ event }) => event.sessionId),
    events.map(({ event }) => event.occurredAt),
    events.map(({ sessionSeq }) => sessionSeq),
    longestSeconds,
  ];
  const rows = await queryRows<Row>(executor, { name: 'followers', text: followersSql, values });
  return new Map(rows.map(({ sessionSeq, ...event }) => [event.sessionId!, { event, sessionSeq }]));
}
