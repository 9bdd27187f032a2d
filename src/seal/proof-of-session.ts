import { queryRows, type Executor } from '../ledger/named-query.js';
import type { SessionAtHand } from './verify-answer.js';
import type { LeafEvent } from './verify-live.js';

const nextEventSql = `
SELECT e.seq FROM session_ledger.event e
 WHERE e.bucket = $1 AND e.session_id = $2 AND e.session_seq = $3 AND e.occurred_at >= $4::timestamptz
   AND e.recorded_at > $4::timestamptz - interval '61 seconds'
 ORDER BY e.occurred_at, e.session_seq LIMIT 1`;

/**
 * The event that follows another one in its session.
 *
 * @returns its `seq`; undefined while there is none.
 */
export async function nextEvent(executor: Executor, event: LeafEvent): Promise<number | undefined> {
  const values = [event.bucket, event.sessionId, (event.sessionSeq ?? 0) + 1, event.occurredAt];
  const statement = { name: 'next_event', text: nextEventSql, values };
  return (await queryRows<{ seq: number }>(executor, statement))[0]?.seq;
}

const creationsSql = `
SELECT created.seq
  FROM unnest($1::smallint[], $2::uuid[], $3::timestamptz[]) AS asked(bucket, session_id, recorded_by_then)
 CROSS JOIN LATERAL (
       SELECT e.seq FROM session_ledger.event e
        WHERE e.bucket = asked.bucket AND e.session_id = asked.session_id AND e.kind = 'created'
          AND e.recorded_at <= asked.recorded_by_then
        ORDER BY e.occurred_at LIMIT 1) created`;

/** The events that created sessions of which later ones are at hand. */
export async function creations(executor: Executor, sessions: readonly SessionAtHand[]): Promise<number[]> {
  const without = sessions.filter(({ created }) => created === undefined).map(({ decided }) => decided);
  const values = [
    without.map(({ bucket }) => bucket),
    without.map(({ sessionId }) => sessionId),
    without.map(({ recordedAt }) => recordedAt),
  ];
  const statement = { name: 'creations', text: creationsSql, values };
  return without.length === 0 ? [] : (await queryRows<{ seq: number }>(executor, statement)).map(({ seq }) => seq);
}

// The session's events are walked from the first on: a client is introduced by the first use from it.
const introductionsSql = `
SELECT introduced.seq
  FROM unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
       AS asked(bucket, session_id, client_id, created_at, seen_at)
 CROSS JOIN LATERAL (
       SELECT e.seq FROM session_ledger.event e
        WHERE e.bucket = asked.bucket AND e.session_id = asked.session_id AND e.client_id = asked.client_id
          AND e.detail ? 'clientCommitment' AND e.occurred_at BETWEEN asked.created_at AND asked.seen_at
          AND e.recorded_at BETWEEN asked.created_at - interval '61 seconds' AND asked.seen_at + interval '10 minutes'
        ORDER BY e.occurred_at, e.session_seq LIMIT 1) introduced`;

/** The events that introduced to each session the client that its answer names. */
export async function introductions(executor: Executor, sessions: readonly SessionAtHand[]): Promise<number[]> {
  const named = sessions.flatMap(({ created, seenBy, clientCommitment }) =>
    created === undefined || seenBy === undefined || clientCommitment !== undefined ? [] : { created, seenBy },
  );
  const values = [
    named.map(({ seenBy }) => seenBy.bucket),
    named.map(({ seenBy }) => seenBy.sessionId),
    named.map(({ seenBy }) => seenBy.clientId),
    named.map(({ created }) => created.occurredAt),
    named.map(({ seenBy }) => seenBy.occurredAt),
  ];
  const statement = { name: 'introductions', text: introductionsSql, values };
  return named.length === 0 ? [] : (await queryRows<{ seq: number }>(executor, statement)).map(({ seq }) => seq);
}

const latestOpeningSql = `
WITH opening AS NOT MATERIALIZED (
  SELECT e.seq, e.occurred_at FROM session_ledger.event e
   WHERE e.bucket = (get_byte(uuid_send($1::uuid), 15) & 63)::smallint AND e.subject_id = $1 AND e.kind IN ('created', 'renewed')
)
SELECT coalesce((SELECT o.seq FROM opening o WHERE o.seq <= $2 ORDER BY o.occurred_at DESC LIMIT 1),
                (SELECT o.seq FROM opening o ORDER BY o.occurred_at DESC LIMIT 1)) AS seq`;

/**
 * The latest sealed event that opened or renewed a session of a user, and with it says the commitment to the user.
 *
 * @param lastSeq the last sealed event
 * @returns its `seq`; one that is not sealed yet where none is; undefined where there is none at all.
 */
export async function latestOpening(
  executor: Executor,
  subjectId: string,
  lastSeq: number,
): Promise<number | undefined> {
  const statement = { name: 'latest_opening', text: latestOpeningSql, values: [subjectId, lastSeq] };
  return (await queryRows<{ seq: number | null }>(executor, statement))[0]?.seq ?? undefined;
}

const ledgerEventsSql = `
SELECT e.seq FROM session_ledger.event e
 WHERE e.session_id IS NULL AND e.kind = $1 AND e.occurred_at <= $2::timestamptz AND e.recorded_at <= $2::timestamptz + interval '10 minutes'
   AND ($3::text[] IS NULL OR e.application = ANY ($3))
 ORDER BY e.seq`;

/** Events of the ledger itself by an instant; of every application where none are named. */
export async function ledgerEvents(
  executor: Executor,
  kind: 'policy_set' | 'application_recorded',
  at: string,
  applications: readonly string[] | null,
): Promise<number[]> {
  const statement = { name: 'ledger_events_by', text: ledgerEventsSql, values: [kind, at, applications] };
  return (await queryRows<{ seq: number }>(executor, statement)).map(({ seq }) => seq);
}
