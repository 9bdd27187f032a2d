import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { SessionEventKind } from '../ledger/session-event.js';
import { subjectCommitment } from '../ledger/subject-commitment.js';
import { withinYears } from '../ledger/within-years.js';
import type { Evidence } from './evidence.js';
import { misattributedOpenings } from './misattributed-openings.js';

/** One question: was this user logged in then? */
export interface PointQuestion {
  readonly realm: string;
  readonly userId: string;
  readonly at: Instant;
  /** L at the instant, by the coverage. */
  readonly longestSeconds: number;
}

/** What holds for all questions that are answered together. */
export interface Terms {
  /** Only what the ledger said then; null for everything. */
  readonly knownAt: Instant | null;
  /** Beside no `knownAt`: nothing that was recorded later, so that questions asked one after the other are answered from one ledger. */
  readonly heldTo?: Instant;
  /** The scope; null for every application. */
  readonly applications: readonly string[] | null;
}

/** A session that could be live at the instant, and what decides whether it is. */
export interface Candidate {
  readonly sessionId: string;
  /** Somebody else acts as the user: such a session never makes the user logged in. */
  readonly isImpersonation: boolean;
  readonly isLive: boolean;
  /** Its openings in question were recorded for the user whom the subject's row names. */
  readonly isOfSubject: boolean;
  /** Null: gone, though a session has one. */
  readonly created: Evidence | null;
  /** The latest renewal at or before the instant. */
  readonly renewed: Evidence | null;
  /** The last event at or before the instant. */
  readonly decided: Evidence;
  /** Its number in the session. */
  readonly decidedSessionSeq: number;
}

/** What the ledger holds about one question. */
export interface LoginStateFound {
  readonly subjectId: string | null;
  /** The ledger has never seen the user (as known then). */
  readonly isStranger: boolean;
  readonly candidates: Candidate[];
  /** Where there are no candidates: an opening on the subject that was recorded for another user than its row names. */
  readonly misattributed: Evidence | null;
}

interface Row {
  position: number;
  subjectId: string | null;
  isStranger: boolean;
  /** The row names another user than it committed to. */
  isRenamed: boolean;
  sessionId: string | null;
  isImpersonation: boolean;
  isLive: boolean;
  isOfSubject: boolean;
  createdSeq: number | null;
  createdAt: Instant | null;
  createdRecordedAt: Instant | null;
  renewedSeq: number | null;
  renewedAt: Instant | null;
  renewedRecordedAt: Instant | null;
  decidedSeq: number;
  decidedKind: SessionEventKind;
  decidedAt: Instant;
  decidedRecordedAt: Instant;
  decidedSessionSeq: number;
}

/*
 * One statement for one question and for thousands. A session can be live at T only if it was opened or renewed in
 * (T - L, T], so these are its candidates, found by the index event_subject; the last event at or before T decides.
 *
 * Rows come back as they are found and are put together by the caller: aggregating them here took longer than reading
 * them. recorded_at is bounded on both sides (CHECK event_recorded_promptly), which leaves one or two partitions to look at: by what each
 * row allows, and by parameters that hold for all of them. The latter leave partitions out before the statement begins; by the rows
 * alone it took 1.38 ms on 50 million events in 15 partitions, and with them 0.60 ms.
 *
 * What only some questions need is kept from opening all partitions for the others: whether the user was a stranger as known then ($7 leaves
 * them all out), and whose row of `subject` it is (`misattributedOpenings`). The two together were 0.3 of 0.9 ms.
 */
const recordedFrom = `$8::timestamptz - ($10::bigint + 61) * interval '1 second'`;
const recordedTo = `$9::timestamptz + interval '10 minutes'`;
const loginStatesSql = `
WITH terms AS MATERIALIZED (
  SELECT $5::timestamptz AS known_at, $6::text[] AS applications, $7::boolean AS asks_of_now
), question AS MATERIALIZED (
  SELECT q.position, q.at, s.subject_id, (get_byte(uuid_send(s.subject_id), 15) & 63)::smallint AS bucket,
         q.at - q.longest_seconds * interval '1 second' AS since, q.at - (q.longest_seconds + 61) * interval '1 second' AS oldest,
         least(t.known_at, q.at + interval '10 minutes') AS newest, t.known_at, t.applications,
         t.asks_of_now, ${subjectCommitment('s')} AS commitment, encode(s.commitment, 'hex') AS kept_commitment
    FROM terms t
   CROSS JOIN unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::timestamptz[]), (SELECT $4::bigint[]))
              WITH ORDINALITY AS q(realm, user_id, at, longest_seconds, position)
    LEFT JOIN session_ledger.subject s ON s.realm = q.realm AND s.user_id = q.user_id
)
SELECT q.position, q.subject_id AS "subjectId",
       CASE WHEN q.subject_id IS NULL OR q.asks_of_now THEN q.subject_id IS NULL
            ELSE NOT EXISTS (SELECT 1 FROM session_ledger.event e
                              WHERE e.bucket = q.bucket AND e.subject_id = q.subject_id AND e.kind IN ('created', 'renewed')
                                AND e.recorded_at <= q.known_at AND e.recorded_at <= CASE WHEN $7::boolean THEN '-infinity' ELSE $5::timestamptz END) END AS "isStranger",
       (q.kept_commitment <> q.commitment) IS TRUE AS "isRenamed",
       found.*
  FROM question q
  LEFT JOIN LATERAL (
    SELECT c.session_id AS "sessionId", c.actor_id IS NOT NULL AS "isImpersonation",
           session_ledger.is_live(d.kind, d.expires_at, q.at) AS "isLive", c.is_of_subject AS "isOfSubject",
           coalesce(c.created_seq, b.seq) AS "createdSeq", coalesce(c.created_at, ${withinYears('b.occurred_at')}) AS "createdAt",
           coalesce(c.created_recorded_at, b.recorded_at) AS "createdRecordedAt",
           c.renewed_seq AS "renewedSeq", c.renewed_at AS "renewedAt", c.renewed_recorded_at AS "renewedRecordedAt",
           d.seq AS "decidedSeq", d.kind AS "decidedKind", d.occurred_at AS "decidedAt", d.recorded_at AS "decidedRecordedAt",
           d.session_seq AS "decidedSessionSeq"
      FROM (SELECT e.session_id, e.actor_id, max(e.occurred_at) AS opened_at,
                   bool_and(e.detail ->> 'subjectCommitment' = q.commitment) IS NOT FALSE AS is_of_subject,
                   min(e.seq) FILTER (WHERE e.kind = 'created') AS created_seq,
                   min(e.occurred_at) FILTER (WHERE e.kind = 'created') AS created_at,
                   min(e.recorded_at) FILTER (WHERE e.kind = 'created') AS created_recorded_at,
                   max(e.seq) FILTER (WHERE e.kind = 'renewed') AS renewed_seq,
                   max(e.occurred_at) FILTER (WHERE e.kind = 'renewed') AS renewed_at,
                   max(e.recorded_at) FILTER (WHERE e.kind = 'renewed') AS renewed_recorded_at
              FROM session_ledger.event e
             WHERE e.bucket = q.bucket AND e.subject_id = q.subject_id AND e.kind IN ('created', 'renewed')
               AND e.occurred_at > q.since AND e.occurred_at <= q.at
               AND e.recorded_at > q.oldest AND e.recorded_at <= q.newest
               AND e.recorded_at >= ${recordedFrom} AND e.recorded_at <= ${recordedTo}
               AND (q.applications IS NULL OR e.application = ANY (q.applications))
             GROUP BY e.session_id, e.actor_id) c
     CROSS JOIN LATERAL session_ledger.last_event_at(q.bucket, c.session_id, q.at, q.known_at, c.opened_at - interval '61 seconds',
                                              ${recordedFrom}, ${recordedTo}) d
      LEFT JOIN LATERAL (
        SELECT e.seq, e.occurred_at, e.recorded_at FROM session_ledger.event e
         WHERE c.created_seq IS NULL AND e.bucket = q.bucket AND e.session_id = c.session_id AND e.kind = 'created'
           AND e.recorded_at >= session_ledger.before_birth_of(c.session_id) AND e.recorded_at <= q.newest AND e.recorded_at <= ${recordedTo}
         ORDER BY e.occurred_at LIMIT 1) b ON true) found ON true`;

/** What the ledger holds about each question, in their order. */
export async function loginStates(
  executor: Executor,
  questions: readonly PointQuestion[],
  terms: Terms,
): Promise<LoginStateFound[]> {
  if (questions.length === 0) return [];
  const { earliest, latest, longestSeconds } = boundsOf(questions);
  const knownAt = terms.knownAt ?? terms.heldTo ?? 'infinity';
  const rows = await queryRows<Row>(executor, {
    name: 'login_states',
    text: loginStatesSql,
    values: [
      questions.map(({ realm }) => realm),
      questions.map(({ userId }) => userId),
      questions.map(({ at }) => at),
      questions.map(({ longestSeconds }) => longestSeconds),
      knownAt,
      terms.applications,
      terms.knownAt === null,
      earliest,
      latest,
      longestSeconds,
    ],
  });
  const misattributed = await misattributedOpenings(executor, doubtfulSubjects(rows, questions.length === 1), knownAt);
  const found: LoginStateFound[] = [];
  for (const row of rows) {
    const { subjectId, isStranger, sessionId } = row;
    const state = (found[row.position - 1] ??= {
      subjectId,
      isStranger,
      candidates: [],
      misattributed: (sessionId === null && subjectId !== null && misattributed.get(subjectId)) || null,
    });
    if (sessionId !== null) state.candidates.push(candidateOf(sessionId, row));
  }
  return found;
}

/**
 * Whose row of `subject` it is shows by what its openings committed to. Where no session could be live, any opening says it: that is looked
 * for where a question is asked alone, or where the row contradicts itself, and not for thousands.
 */
function doubtfulSubjects(rows: readonly Row[], isAlone: boolean): string[] {
  return rows.flatMap(({ subjectId, sessionId, isRenamed }) =>
    subjectId !== null && sessionId === null && (isAlone || isRenamed) ? [subjectId] : [],
  );
}

/** What bounds, for all of them together, when something was recorded on which one of the questions rests. */
function boundsOf(questions: readonly PointQuestion[]): { earliest: Instant; latest: Instant; longestSeconds: number } {
  let [{ at: earliest, at: latest, longestSeconds }, ...others] = questions as [PointQuestion, ...PointQuestion[]];
  for (const question of others) {
    if (question.at < earliest) earliest = question.at;
    if (question.at > latest) latest = question.at;
    longestSeconds = Math.max(longestSeconds, question.longestSeconds);
  }
  return { earliest, latest, longestSeconds };
}

function candidateOf(sessionId: string, row: Row): Candidate {
  const { isImpersonation, isLive, isOfSubject, decidedSessionSeq } = row;
  const { createdSeq, createdAt, createdRecordedAt } = row;
  const { renewedSeq, renewedAt, renewedRecordedAt, decidedSeq, decidedKind, decidedAt, decidedRecordedAt } = row;
  return {
    sessionId,
    isImpersonation,
    isLive,
    isOfSubject,
    created:
      createdSeq === null
        ? null
        : { seq: createdSeq, sessionId, kind: 'created', occurredAt: createdAt!, recordedAt: createdRecordedAt! },
    renewed:
      renewedSeq === null
        ? null
        : { seq: renewedSeq, sessionId, kind: 'renewed', occurredAt: renewedAt!, recordedAt: renewedRecordedAt! },
    decided: {
      seq: decidedSeq,
      sessionId,
      kind: decidedKind,
      occurredAt: decidedAt,
      recordedAt: decidedRecordedAt,
    },
    decidedSessionSeq,
  };
}
