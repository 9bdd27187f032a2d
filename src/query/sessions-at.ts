import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { RecordedClient, SessionEventKind, UserInRealm } from '../ledger/session-event.js';
import { subjectCommitment } from '../ledger/subject-commitment.js';
import { withinYears } from '../ledger/within-years.js';
import { inOrder, type Evidence } from './evidence.js';
import { openedFirst } from './opened-first.js';

/** A session as it was at an instant at which it was live. */
export interface SessionAt {
  sessionId: string;
  application: string;
  createdAt: Instant;
  /** The deadline that held then: what it would have lapsed at without another use. */
  liveUntil: Instant;
  lastUseAtOrBefore: Instant;
  /** Where the last use came from; of a use that did not say, where it was opened or renewed from. Null when erased. */
  client: RecordedClient | null;
}

/** A session in which somebody else acted as the user. */
export interface ImpersonationAt extends SessionAt {
  actor: UserInRealm | null;
}

/** All that is known of a session at an instant, and its next use. */
export interface SessionFactsAt {
  readonly user: UserInRealm;
  readonly session: ImpersonationAt;
  readonly isImpersonation: boolean;
  /** Its opening, its latest renewal and its last event at or before the instant, in the order of the ledger. */
  readonly evidence: Evidence[];
  readonly firstUseAfter: Instant | null;
  /** Its opening, where that was recorded for another user than the subject's row names. */
  readonly misattributed: Evidence | null;
}

interface Row {
  sessionId: string;
  userId: string;
  realm: string;
  application: string;
  isImpersonation: boolean;
  isOfSubject: boolean;
  actorUserId: string | null;
  actorRealm: string | null;
  createdSeq: number;
  createdAt: Instant;
  createdRecordedAt: Instant;
  renewedSeq: number | null;
  renewedAt: Instant;
  renewedRecordedAt: Instant;
  decidedSeq: number;
  decidedKind: SessionEventKind;
  decidedAt: Instant;
  decidedRecordedAt: Instant;
  liveUntil: Instant;
  ip: string | null;
  userAgent: string | null;
  firstUseAfter: Instant | null;
}

/*
 *   decided   the last event at or before the instant (never `expired`)
 *   created   the opening
 *   renewed   the latest renewal at or before the instant; looked for among the user's openings, because among the
 *             session's own events it could hide behind 100,000 uses
 *   next      the first use after the instant; it can only lie before the deadline that held
 *
 * IS NOT DISTINCT FROM keeps the planner from the session's index for that. $4 is the session that was opened first; months before it, and
 * those after the instant, are left out before the statement begins.
 */
const bornAfter = `session_ledger.before_birth_of($4::uuid)`;
const recordedTo = `$2::timestamptz + interval '10 minutes'`;
const sessionsAtSql = `
WITH terms AS MATERIALIZED (
  SELECT $2::timestamptz AS at, $3::timestamptz AS known_at, least($3::timestamptz, $2::timestamptz + interval '10 minutes') AS newest
), asked AS MATERIALIZED (
  SELECT a.session_id, session_ledger.before_birth_of(a.session_id) AS born_after, (get_byte(uuid_send(a.session_id), 15) & 63)::smallint AS bucket, t.*
    FROM terms t CROSS JOIN unnest((SELECT $1::uuid[])) AS a(session_id)
)
SELECT a.session_id AS "sessionId", u.user_id AS "userId", u.realm, created.application,
       (${subjectCommitment('u')} = ALL (ARRAY[created.detail ->> 'subjectCommitment', renewed.detail ->> 'subjectCommitment'])) IS NOT FALSE AS "isOfSubject",
       created.actor_id IS NOT NULL AS "isImpersonation", o.user_id AS "actorUserId", o.realm AS "actorRealm",
       created.seq AS "createdSeq", ${withinYears('created.occurred_at')} AS "createdAt", created.recorded_at AS "createdRecordedAt",
       renewed.seq AS "renewedSeq", renewed.occurred_at AS "renewedAt", renewed.recorded_at AS "renewedRecordedAt",
       decided.seq AS "decidedSeq", decided.kind AS "decidedKind", ${withinYears('decided.occurred_at')} AS "decidedAt",
       decided.recorded_at AS "decidedRecordedAt", ${withinYears('decided.expires_at')} AS "liveUntil",
       host(k.ip) AS ip, k.user_agent AS "userAgent", ${withinYears('next.occurred_at')} AS "firstUseAfter"
  FROM asked a
 CROSS JOIN LATERAL session_ledger.last_event_at(a.bucket, a.session_id, a.at, a.known_at, a.born_after, ${bornAfter}, ${recordedTo}) decided
 CROSS JOIN LATERAL (
    SELECT e.* FROM session_ledger.event e
     WHERE e.bucket = a.bucket AND e.session_id = a.session_id AND e.kind = 'created'
       AND e.occurred_at <= a.at AND e.recorded_at > a.born_after AND e.recorded_at <= a.newest
       AND e.recorded_at >= ${bornAfter} AND e.recorded_at <= ${recordedTo}
     ORDER BY e.occurred_at, e.session_seq LIMIT 1) created
  LEFT JOIN LATERAL (
    SELECT e.* FROM session_ledger.event e
     WHERE e.bucket = a.bucket AND e.subject_id = created.subject_id AND e.kind = 'renewed'
       AND e.session_id IS NOT DISTINCT FROM a.session_id AND e.occurred_at >= created.occurred_at AND e.occurred_at <= a.at
       AND e.recorded_at > a.born_after AND e.recorded_at <= a.newest AND e.recorded_at >= ${bornAfter} AND e.recorded_at <= ${recordedTo}
     ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1) renewed ON true
  LEFT JOIN LATERAL (
    SELECT e.occurred_at FROM session_ledger.event e
     WHERE e.bucket = a.bucket AND e.session_id = a.session_id AND e.kind IN ('used', 'renewed')
       AND e.occurred_at > a.at AND e.occurred_at <= decided.expires_at
       AND e.recorded_at > $2::timestamptz - interval '61 seconds' AND e.recorded_at <= least(a.known_at, decided.expires_at + interval '10 minutes')
     ORDER BY e.occurred_at, e.session_seq LIMIT 1) next ON true
  JOIN session_ledger.subject u ON u.subject_id = created.subject_id
  LEFT JOIN session_ledger.subject o ON o.subject_id = created.actor_id
  LEFT JOIN session_ledger.client k
    ON k.bucket = a.bucket AND k.client_id = coalesce(decided.client_id, renewed.client_id, created.client_id)
 ORDER BY created.seq DESC`;

/** What the ledger holds about sessions at an instant, the newest session first. */
export async function sessionsAt(
  executor: Executor,
  sessionIds: readonly string[],
  at: Instant,
  knownAt: Instant | null,
): Promise<SessionFactsAt[]> {
  if (sessionIds.length === 0) return [];
  const values = [sessionIds, at, knownAt ?? 'infinity', openedFirst(sessionIds)];
  return (await queryRows<Row>(executor, { name: 'sessions_at', text: sessionsAtSql, values })).map(factsOf);
}

/** A session of the user's own, about whose actor there is nothing to say. */
export function ownSession({ session }: SessionFactsAt): SessionAt {
  const { sessionId, application, createdAt, liveUntil, lastUseAtOrBefore, client } = session;
  return { sessionId, application, createdAt, liveUntil, lastUseAtOrBefore, client };
}

function factsOf(row: Row): SessionFactsAt {
  const { actorUserId, actorRealm, ip, userAgent } = row;
  return {
    user: { userId: row.userId, realm: row.realm },
    isImpersonation: row.isImpersonation,
    session: {
      sessionId: row.sessionId,
      application: row.application,
      createdAt: row.createdAt,
      liveUntil: row.liveUntil,
      lastUseAtOrBefore: row.decidedAt,
      client: ip === null && userAgent === null ? null : { ip, userAgent },
      actor: actorUserId === null || actorRealm === null ? null : { userId: actorUserId, realm: actorRealm },
    },
    evidence: evidenceOf(row),
    firstUseAfter: row.firstUseAfter,
    misattributed: row.isOfSubject ? null : openingOf(row),
  };
}

function openingOf({ createdSeq: seq, sessionId, createdAt, createdRecordedAt }: Row): Evidence {
  return { seq, sessionId, kind: 'created', occurredAt: createdAt, recordedAt: createdRecordedAt };
}

function evidenceOf(row: Row): Evidence[] {
  const { sessionId, renewedSeq } = row;
  const event = (seq: number, kind: SessionEventKind, occurredAt: Instant, recordedAt: Instant): Evidence => ({
    seq,
    sessionId,
    kind,
    occurredAt,
    recordedAt,
  });
  return inOrder([
    openingOf(row),
    ...(renewedSeq === null ? [] : [event(renewedSeq, 'renewed', row.renewedAt, row.renewedRecordedAt)]),
    event(row.decidedSeq, row.decidedKind, row.decidedAt, row.decidedRecordedAt),
  ]);
}
