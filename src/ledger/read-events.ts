import type { Instant } from './instant.js';
import { queryRows, type Executor } from './named-query.js';
import { toSessionEvent, type SessionEvent, type SessionEventRow } from './session-event.js';
import { withinYears } from './within-years.js';

/** A place in a session's history: behind the event it names. */
export interface PlaceInSession {
  occurredAt: Instant;
  sessionSeq: number;
}

// host() and not the text of inet, which adds a netmask. The place compares as the index event_session is ordered.
const eventsOfSessionSql = `
SELECT e.seq, e.session_id AS "sessionId", e.session_seq AS "sessionSeq", e.kind, ${withinYears('e.occurred_at')} AS "occurredAt",
       e.recorded_at AS "recordedAt", ${withinYears('e.expires_at')} AS "expiresAt", e.reason, e.application, e.detail, coalesce(r.name, e.recorded_by::text) AS "recordedBy",
       a.user_id AS "actorUserId", a.realm AS "actorRealm", host(c.ip) AS ip, c.user_agent AS "userAgent"
  FROM session_ledger.event e
  LEFT JOIN session_ledger.recorder r ON r.recorder_id = e.recorded_by
  LEFT JOIN session_ledger.subject a ON a.subject_id = e.actor_id
  LEFT JOIN session_ledger.client c ON c.bucket = e.bucket AND c.client_id = e.client_id
 WHERE e.bucket = get_byte(uuid_send($1::uuid), 15) & 63 AND e.session_id = $1
   AND (e.occurred_at, e.session_seq) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::integer, 0))
   AND e.recorded_at >= session_ledger.before_birth_of($1) AND e.recorded_at <= coalesce($4::timestamptz, 'infinity')
 ORDER BY e.occurred_at, e.session_seq
 LIMIT $5`;

/**
 * The events of a session in the order of `sessionSeq`, oldest first.
 *
 * @param options.after read on behind this event; from the first one when omitted.
 * @param options.knownAt only what the ledger said then; everything when omitted.
 * @param options.limit events at most.
 * @example
 * const firstPage = await eventsOfSession(reader, sessionId, { limit: 100 });
 */
export async function eventsOfSession(
  executor: Executor,
  sessionId: string,
  options: { after?: PlaceInSession; knownAt?: Instant; limit: number },
): Promise<SessionEvent[]> {
  const { after, knownAt, limit } = options;
  const rows = await queryRows<SessionEventRow>(executor, {
    name: 'events_of_session',
    text: eventsOfSessionSql,
    values: [sessionId, after?.occurredAt ?? null, after?.sessionSeq ?? null, knownAt ?? null, limit],
  });
  return rows.map(toSessionEvent);
}

const eventsInOrderSql = `
SELECT e.seq, e.session_id AS "sessionId", e.session_seq AS "sessionSeq", e.kind, e.occurred_at AS "occurredAt",
       e.recorded_at AS "recordedAt", e.expires_at AS "expiresAt", e.reason, e.application, e.detail, coalesce(r.name, e.recorded_by::text) AS "recordedBy",
       a.user_id AS "actorUserId", a.realm AS "actorRealm", host(c.ip) AS ip, c.user_agent AS "userAgent"
  FROM session_ledger.event e
  LEFT JOIN session_ledger.recorder r ON r.recorder_id = e.recorded_by
  LEFT JOIN session_ledger.subject a ON a.subject_id = e.actor_id
  LEFT JOIN session_ledger.client c ON c.bucket = e.bucket AND c.client_id = e.client_id
 WHERE e.seq BETWEEN $1 AND $2
 ORDER BY e.seq`;

/**
 * The events from `first` to `last` in the order of the ledger, both included. Only behind a fence is the stretch
 * complete: an event with a lower `seq` may become visible after one with a higher.
 *
 * @example
 * const events = await eventsInOrder(reader, 1, 1_000);
 */
export async function eventsInOrder(executor: Executor, first: number, last: number): Promise<SessionEvent[]> {
  const statement = { name: 'events_in_order', text: eventsInOrderSql, values: [first, last] };
  return (await queryRows<SessionEventRow>(executor, statement)).map(toSessionEvent);
}
