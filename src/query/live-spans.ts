import { SessionLedgerError } from '../errors.js';
import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { SessionEventKind } from '../ledger/session-event.js';
import { subjectCommitment } from '../ledger/subject-commitment.js';
import type { Evidence } from './evidence.js';
import type { Span } from './intervals.js';
import type { Terms } from './login-states.js';

/** An event that decides from its own instant until the next one. */
export interface Reign {
  readonly event: Evidence;
  /** Its number in the session. */
  readonly sessionSeq: number;
  /** When in the range the session was live by it; null: it was not. */
  readonly live: Span | null;
}

/** A session that could be live at some instant of a range, and all that decides whether it is. */
export interface SessionOverRange {
  readonly sessionId: string;
  readonly application: string;
  readonly isImpersonation: boolean;
  /** Its openings in question were recorded for the user whom the subject's row names. */
  readonly isOfSubject: boolean;
  /** Its opening and its renewals before the range's end, in order. */
  readonly openings: Evidence[];
  /** The event that decides at the range's beginning, and every later one within it, in order. */
  readonly reigns: Reign[];
}

/** A user's sessions over a range. */
export interface LiveSpansFound {
  /** The ledger has never seen the user (as known then). */
  readonly isStranger: boolean;
  /** The newest first. */
  readonly sessions: SessionOverRange[];
  /** Openings on the user's subject that were recorded for another user than its row names. */
  readonly misattributed: Evidence[];
}

type Opening = [seq: number, kind: SessionEventKind, occurredAt: Instant, recordedAt: Instant];
type Deciding = [...Opening, sessionSeq: number, liveFrom: Instant | null, liveTo: Instant | null];

interface Row {
  isStranger: boolean;
  isTooLong: boolean;
  sessionId: string | null;
  application: string;
  isImpersonation: boolean;
  isOfSubject: boolean;
  misattributed: [...Opening, sessionId: string] | null;
  openings: Opening[];
  /** Only of a session opened before all of these. */
  created: Opening | null;
  reigns: Deciding[];
}

/** Of an account that a program uses, a year of events is millions: more than this many are not held in memory for one answer. */
const mostEvents = 200_000;

/*
 *   opened     what opened or renewed a session of the user's in (from - L, to)
 *   candidate  their : no other can be live in the range
 *   deciding   for each of them the event that decides at the range's beginning, and every later one within the range
 *   reign      an event decides from its own instant until the next one, and the session is live until its deadline
 *   b          what each candidate is by; a session that was renewed may have been opened before all of these
 *
 * Whose row of `subject` it is shows by what its openings committed to: where there is no candidate, by what any opening did.
 */
const liveSpansSql = `
WITH asked AS MATERIALIZED (
  SELECT s.subject_id, (get_byte(uuid_send(s.subject_id), 15) & 63)::smallint AS bucket, t.since, t.upto, t.known_at, t.applications, t.most,
         ${subjectCommitment('s')} AS commitment, t.since - t.longest AS opened_after, t.since - t.longest - interval '61 seconds' AS oldest,
         least(t.known_at, t.upto + interval '10 minutes') AS newest
    FROM (SELECT $3::timestamptz AS since, $4::timestamptz AS upto, $5::bigint * interval '1 second' AS longest,
                 $6::timestamptz AS known_at, $7::text[] AS applications, $8::bigint AS most) t
    LEFT JOIN session_ledger.subject s ON s.realm = $1 AND s.user_id = $2
), opened AS MATERIALIZED (
  SELECT e.session_id, e.application, e.actor_id, e.seq, e.kind, e.occurred_at, e.recorded_at, e.session_seq,
         e.detail ->> 'subjectCommitment' AS commitment
    FROM asked a
    JOIN session_ledger.event e
      ON e.bucket = a.bucket AND e.subject_id = a.subject_id AND e.kind IN ('created', 'renewed')
     AND e.occurred_at > a.opened_after AND e.occurred_at < a.upto AND e.recorded_at > a.oldest AND e.recorded_at <= a.newest
   WHERE a.applications IS NULL OR e.application = ANY (a.applications)
   LIMIT (SELECT a.most + 1 FROM asked a)
), candidate AS MATERIALIZED (
  SELECT o.session_id, o.application, o.actor_id, min(o.occurred_at) AS opened_at, bool_or(o.kind = 'created') AS is_whole,
         bool_and(o.commitment = a.commitment) IS NOT FALSE AS is_of_subject,
         json_agg(json_build_array(o.seq, o.kind, session_ledger.rfc3339(o.occurred_at), session_ledger.rfc3339(o.recorded_at)) ORDER BY o.occurred_at, o.session_seq) AS openings
    FROM asked a CROSS JOIN opened o
   WHERE a.most >= (SELECT count(*) FROM opened)
   GROUP BY o.session_id, o.application, o.actor_id
), deciding AS MATERIALIZED (
  SELECT c.session_id, d.session_seq, d.seq, d.kind, d.occurred_at, d.recorded_at, d.expires_at
    FROM asked a CROSS JOIN candidate c
   CROSS JOIN LATERAL session_ledger.last_event_at(a.bucket, c.session_id, a.since, a.known_at, a.oldest) d
  UNION ALL
  SELECT e.session_id, e.session_seq, e.seq, e.kind, e.occurred_at, e.recorded_at, e.expires_at
    FROM asked a CROSS JOIN candidate c
    JOIN session_ledger.event e ON e.bucket = a.bucket AND e.session_id = c.session_id AND e.kind <> 'expired'
     AND e.occurred_at > a.since AND e.occurred_at < a.upto AND e.recorded_at > a.since - interval '61 seconds' AND e.recorded_at <= a.newest
   LIMIT (SELECT a.most + 1 FROM asked a)
), reign AS (
  SELECT d.*, greatest(d.occurred_at, a.since) AS live_from, least(d.expires_at, lead(d.occurred_at) OVER session, a.upto) AS live_to
    FROM asked a CROSS JOIN deciding d
   WHERE a.most >= (SELECT count(*) FROM deciding)
  WINDOW session AS (PARTITION BY d.session_id ORDER BY d.session_seq)
), judged AS (
  SELECT r.*, session_ledger.is_live(r.kind, r.expires_at, r.live_from) AND r.live_from < r.live_to AS is_live FROM reign r
), live AS (
  SELECT r.session_id,
         json_agg(json_build_array(r.seq, r.kind, session_ledger.rfc3339(r.occurred_at), session_ledger.rfc3339(r.recorded_at), r.session_seq,
                                   CASE WHEN r.is_live THEN session_ledger.rfc3339(r.live_from) END,
                                   CASE WHEN r.is_live THEN session_ledger.rfc3339(r.live_to) END) ORDER BY r.session_seq) AS reigns
    FROM judged r GROUP BY r.session_id
)
SELECT a.most < greatest((SELECT count(*) FROM opened), (SELECT count(*) FROM deciding)) AS "isTooLong",
       CASE WHEN a.subject_id IS NULL OR a.known_at = 'infinity' THEN a.subject_id IS NULL
            ELSE NOT EXISTS (SELECT 1 FROM session_ledger.event e
                              WHERE e.bucket = a.bucket AND e.subject_id = a.subject_id AND e.kind IN ('created', 'renewed')
                                AND e.recorded_at <= a.known_at) END AS "isStranger",
       c.session_id AS "sessionId", c.application, c.actor_id IS NOT NULL AS "isImpersonation",
       c.is_of_subject AS "isOfSubject", c.openings, l.reigns, b.created,
       CASE WHEN c.session_id IS NULL THEN (
            SELECT json_build_array(e.seq, e.kind, session_ledger.rfc3339(e.occurred_at), session_ledger.rfc3339(e.recorded_at), e.session_id)
              FROM (SELECT * FROM session_ledger.event e
                     WHERE e.bucket = a.bucket AND e.subject_id = a.subject_id AND e.kind IN ('created', 'renewed')
                       AND e.recorded_at <= a.known_at ORDER BY e.occurred_at LIMIT 1) e
             WHERE e.detail ->> 'subjectCommitment' <> a.commitment) END AS misattributed
  FROM asked a
  LEFT JOIN (candidate c JOIN live l ON l.session_id = c.session_id) ON true
  LEFT JOIN LATERAL (
    SELECT json_build_array(e.seq, e.kind, session_ledger.rfc3339(e.occurred_at), session_ledger.rfc3339(e.recorded_at)) AS created
      FROM session_ledger.event e
     WHERE NOT c.is_whole AND e.bucket = a.bucket AND e.session_id = c.session_id AND e.kind = 'created'
       AND e.recorded_at >= session_ledger.before_birth_of(c.session_id) AND e.recorded_at <= a.newest
     ORDER BY e.occurred_at LIMIT 1) b ON true
 ORDER BY c.opened_at DESC, c.session_id DESC`;

/**
 * When each session of a user was live within `[from, to)`, by rows that nobody has compared with their seals yet.
 *
 * @param question.longestSeconds L at the end of the range.
 * @throws SessionLedgerError ERR_REPORT_TOO_LARGE for a range in which more events than 200,000 decide.
 */
export async function liveSpans(
  executor: Executor,
  question: { realm: string; userId: string; from: Instant; to: Instant; longestSeconds: number },
  terms: Terms,
): Promise<LiveSpansFound> {
  const { realm, userId, from, to, longestSeconds } = question;
  const known = terms.knownAt ?? 'infinity';
  const rows = await queryRows<Row>(executor, {
    name: 'live_spans',
    text: liveSpansSql,
    values: [realm, userId, from, to, longestSeconds, known, terms.applications, mostEvents],
  });
  if (rows[0]!.isTooLong) throw tooLong();
  const sessions = rows.flatMap((row) => (row.sessionId === null ? [] : [sessionOf(row.sessionId, row)]));
  const openings = sessions.flatMap((session) => (session.isOfSubject ? [] : session.openings.slice(0, 1)));
  return { isStranger: rows[0]!.isStranger, sessions, misattributed: [...openings, ...rows.flatMap(openingBeside)] };
}

function tooLong(): SessionLedgerError {
  const message = `more than ${mostEvents} events of this user decide in the range; ask for a shorter range`;
  return new SessionLedgerError('ERR_REPORT_TOO_LARGE', message, { field: 'from' });
}

function openingBeside({ misattributed }: Row): Evidence[] {
  if (misattributed === null) return [];
  const [seq, kind, occurredAt, recordedAt, sessionId] = misattributed;
  return [{ seq, sessionId, kind, occurredAt, recordedAt }];
}

function sessionOf(sessionId: string, row: Row): SessionOverRange {
  const { application, isImpersonation, isOfSubject, created } = row;
  const event = ([seq, kind, occurredAt, recordedAt]: Opening): Evidence => ({
    seq,
    sessionId,
    kind,
    occurredAt,
    recordedAt,
  });
  return {
    sessionId,
    application,
    isImpersonation,
    isOfSubject,
    openings: [...(created === null ? [] : [created]), ...row.openings].map(event),
    reigns: row.reigns.map(([seq, kind, occurredAt, recordedAt, sessionSeq, from, to]) => ({
      event: event([seq, kind, occurredAt, recordedAt]),
      sessionSeq,
      live: from === null || to === null ? null : { from, to },
    })),
  };
}
