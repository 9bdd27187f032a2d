import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { RecordedClient, SessionEventKind, UserInRealm } from '../ledger/session-event.js';
import { subjectCommitment } from '../ledger/subject-commitment.js';
import { withinYears } from '../ledger/within-years.js';
import { ComparedPage, type SealedAnswer } from './compared-page.js';
import type { ComparedRows } from './compared-with-seals.js';
import { inOrder, type Evidence } from './evidence.js';
import { openedFirst } from './opened-first.js';

/** A session by what the ledger says of it. */
export interface SessionSummary {
  sessionId: string;
  userId: string;
  realm: string;
  application: string;
  createdAt: Instant;
  /** The last fresh authentication: the opening, or a renewal with one. */
  authenticatedAt: Instant;
  lastUsedAt: Instant;
  /** The deadline after its last use. */
  expiresAt: Instant;
  absoluteExpiresAt: Instant;
  /** Null: it does not lapse by idling. */
  idleSeconds: number | null;
  /** `unknown`: a row that says so is not what was sealed. */
  state: 'live' | 'ended' | 'unknown';
  /** Null unless it has ended. */
  endedAt: Instant | null;
  /** `idle` or `absolute` when it lapsed, else the code it was revoked with. */
  endReason: string | null;
  amr: string[];
  acr: string | null;
  /** Who acted as the user, if anybody did. */
  actor: UserInRealm | null;
  openedFrom: RecordedClient | null;
  lastUsedFrom: RecordedClient | null;
  /** The opening, the renewal whose limits are in force, the last use, and the end; in the order of the ledger. */
  evidence: Evidence[];
}

/** A summary as it was read, and its opening where that was recorded for another user than the subject's row names. */
export interface SummaryRead {
  readonly summary: SessionSummary;
  readonly misattributed: Evidence | null;
}

interface Row extends Omit<SessionSummary, 'actor' | 'openedFrom' | 'lastUsedFrom' | 'amr' | 'state' | 'evidence'> {
  evidence: [number, SessionEventKind, Instant, Instant][];
  isOfSubject: boolean;
  amr: string[] | null;
  actorUserId: string | null;
  actorRealm: string | null;
  openedIp: string | null;
  openedUserAgent: string | null;
  usedIp: string | null;
  usedUserAgent: string | null;
}

/*
 *   created   the opening
 *   opened    the opening or renewal whose limits were in force last, and when the user last authenticated
 *   used      the last event that is not the end: it carries the deadline
 *   last      the last event (never `expired`); unless it is the end, the session ended when its deadline passed
 *
 * What opened a session is looked for among its user's openings, because among its own events it could hide behind 100,000 uses: IS NOT
 * DISTINCT FROM keeps the planner from the session's index. $4 is the session that was opened first; months before it are left out
 * before the statement begins.
 */
const bornAfter = `session_ledger.before_birth_of($4::uuid)`;
const sessionSummariesSql = `
WITH terms AS MATERIALIZED (
  SELECT $2::timestamptz AS known_at, $3::timestamptz AS as_of
), asked AS MATERIALIZED (
  SELECT a.session_id, session_ledger.before_birth_of(a.session_id) AS born_after, (get_byte(uuid_send(a.session_id), 15) & 63)::smallint AS bucket, t.*
    FROM terms t CROSS JOIN unnest((SELECT $1::uuid[])) AS a(session_id)
)
SELECT a.session_id AS "sessionId", u.user_id AS "userId", u.realm,
       (${subjectCommitment('u')} = ALL (ARRAY[created.detail ->> 'subjectCommitment', opened.detail ->> 'subjectCommitment'])) IS NOT FALSE AS "isOfSubject",
       created.application, ${withinYears('created.occurred_at')} AS "createdAt",
       ${withinYears('opened.authenticated_at')} AS "authenticatedAt", ${withinYears('used.occurred_at')} AS "lastUsedAt",
       ${withinYears('used.expires_at')} AS "expiresAt", ${withinYears('opened.absolute_expires_at')} AS "absoluteExpiresAt", opened.idle_seconds AS "idleSeconds",
       CASE WHEN last.kind = 'revoked' THEN ${withinYears('last.occurred_at')}
            WHEN used.expires_at <= a.as_of THEN ${withinYears('used.expires_at')} END AS "endedAt",
       CASE WHEN last.kind = 'revoked' THEN last.reason
            WHEN used.expires_at > a.as_of THEN NULL
            WHEN used.expires_at = opened.absolute_expires_at THEN 'absolute'
            ELSE 'idle' END AS "endReason",
       opened.detail -> 'amr' AS amr, opened.detail ->> 'acr' AS acr,
       o.user_id AS "actorUserId", o.realm AS "actorRealm",
       host(ok.ip) AS "openedIp", ok.user_agent AS "openedUserAgent", host(uk.ip) AS "usedIp", uk.user_agent AS "usedUserAgent",
       (SELECT json_agg(json_build_array(v.seq, v.kind, session_ledger.rfc3339(v.occurred_at), session_ledger.rfc3339(v.recorded_at)))
          FROM (VALUES (created.seq, 'created', created.occurred_at, created.recorded_at), (opened.seq, opened.kind, opened.occurred_at, opened.recorded_at),
                       (used.seq, used.kind, used.occurred_at, used.recorded_at), (last.seq, last.kind, last.occurred_at, last.recorded_at))
               AS v(seq, kind, occurred_at, recorded_at)) AS evidence
  FROM asked a
 CROSS JOIN LATERAL (
    SELECT e.* FROM session_ledger.event e
     WHERE e.bucket = a.bucket AND e.session_id = a.session_id AND e.kind = 'created'
       AND e.recorded_at > a.born_after AND e.recorded_at <= a.known_at AND e.recorded_at >= ${bornAfter}
     ORDER BY e.occurred_at, e.session_seq LIMIT 1) created
 CROSS JOIN LATERAL session_ledger.last_event_at(a.bucket, a.session_id, 'infinity', a.known_at, created.occurred_at - interval '61 seconds',
                                            ${bornAfter}) last
 CROSS JOIN LATERAL (
    SELECT e.* FROM session_ledger.event e
     WHERE e.bucket = a.bucket AND e.session_id = a.session_id AND e.kind IN ('created', 'used', 'renewed')
       AND e.recorded_at > created.occurred_at - interval '61 seconds' AND e.recorded_at <= a.known_at AND e.recorded_at >= ${bornAfter}
     ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1) used
 CROSS JOIN LATERAL (
    SELECT e.seq, e.kind, e.occurred_at, e.recorded_at, e.absolute_expires_at, e.idle_seconds, e.detail,
           max(e.occurred_at) FILTER (WHERE e.kind = 'created' OR e.detail @> '{"fresh": true}') OVER () AS authenticated_at
      FROM session_ledger.event e
     WHERE e.bucket = a.bucket AND e.subject_id = created.subject_id AND e.kind IN ('created', 'renewed')
       AND e.session_id IS NOT DISTINCT FROM a.session_id AND e.occurred_at >= created.occurred_at AND e.occurred_at <= used.occurred_at
       AND e.recorded_at > created.occurred_at - interval '61 seconds' AND e.recorded_at <= a.known_at AND e.recorded_at >= ${bornAfter}
     ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1) opened
  JOIN session_ledger.subject u ON u.subject_id = created.subject_id
  LEFT JOIN session_ledger.subject o ON o.subject_id = created.actor_id
  LEFT JOIN session_ledger.client ok ON ok.bucket = a.bucket AND ok.client_id = created.client_id
  LEFT JOIN session_ledger.client uk ON uk.bucket = a.bucket AND uk.client_id = coalesce(used.client_id, created.client_id)
 ORDER BY created.occurred_at DESC, a.session_id DESC`;

/**
 * What the ledger says of sessions, the newest first; those it never saw are left out. Whoever shows a summary compares its
 * evidence with the seals first (`asCompared`).
 *
 * @param knownAt only what the ledger said then; null for everything.
 * @param asOf the now by which a session whose deadline has passed has ended, whether or not that was written down yet.
 */
export async function sessionSummaries(
  executor: Executor,
  sessionIds: readonly string[],
  knownAt: Instant | null,
  asOf: Instant,
): Promise<SummaryRead[]> {
  if (sessionIds.length === 0) return [];
  const values = [sessionIds, knownAt ?? 'infinity', asOf, openedFirst(sessionIds)];
  const rows = await queryRows<Row>(executor, { name: 'session_summaries', text: sessionSummariesSql, values });
  return rows.map(summaryOf);
}

function summaryOf({ isOfSubject, ...row }: Row): SummaryRead {
  const { actorUserId, actorRealm, openedIp, openedUserAgent, usedIp, usedUserAgent, amr, evidence, ...facts } = row;
  const { sessionId, endedAt } = facts;
  const summary: SessionSummary = {
    ...facts,
    state: endedAt === null ? 'live' : 'ended',
    amr: amr ?? [],
    actor: actorUserId === null || actorRealm === null ? null : { userId: actorUserId, realm: actorRealm },
    openedFrom: clientOf(openedIp, openedUserAgent),
    lastUsedFrom: clientOf(usedIp, usedUserAgent),
    evidence: inOrder(
      evidence.map(([seq, kind, occurredAt, recordedAt]) => ({ seq, sessionId, kind, occurredAt, recordedAt })),
    ),
  };
  return { summary, misattributed: isOfSubject ? null : summary.evidence[0]! };
}

/** Summaries whose rows were compared with their seals, and how all of them stand to these. */
export async function comparedSummaries(
  executor: Executor,
  sessionIds: readonly string[],
  knownAt: Instant | null,
  asOf: Instant,
): Promise<{ items: SessionSummary[] } & SealedAnswer> {
  const read = await sessionSummaries(executor, sessionIds, knownAt, asOf);
  const compared = new ComparedPage(executor);
  await compared.add(
    read.flatMap(({ summary }) => summary.evidence),
    read.flatMap(({ misattributed }) => misattributed ?? []),
  );
  return { items: read.map(({ summary }) => asCompared(summary, compared)), ...(await compared.sealed(null)) };
}

/** A summary after its rows were compared with their seals: what rests on one that contradicts says neither live nor ended. */
export function asCompared(summary: SessionSummary, compared: Pick<ComparedRows, 'hasBroken'>): SessionSummary {
  if (!compared.hasBroken(summary.evidence)) return summary;
  return { ...summary, state: 'unknown', endedAt: null, endReason: null };
}

function clientOf(ip: string | null, userAgent: string | null): RecordedClient | null {
  return ip === null && userAgent === null ? null : { ip, userAgent };
}
