import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { Scope } from './asking.js';
import type { SealedAnswer } from './compared-page.js';
import { applicationsCovered, readCoverage, type CoveredApplication } from './coverage.js';
import { instantShape, readCursor, uuidShape, writeCursor } from './cursor.js';
import type { Page } from './page.js';
import { comparedSummaries, type SessionSummary } from './session-summaries.js';

/** A question about a user's sessions, after its texts were read. */
export interface SessionsAsked {
  readonly userId: string;
  readonly scope: Scope;
  /** Only sessions live at some instant at or after it. */
  readonly from: Instant | null;
  /** Only sessions opened before it. */
  readonly to: Instant | null;
  readonly after: string | undefined;
  readonly limit: number;
}

/** A page of a user's sessions. */
export interface SessionsPage extends Page<SessionSummary>, SealedAnswer {
  /** The applications the list covers. */
  applications: CoveredApplication[];
}

/**
 * The sessions of a user that were live at some instant of `[from, to)`, the newest first. All pages say what the ledger
 * said when the first one was asked for.
 *
 * @throws SessionLedgerError ERR_INVALID_CURSOR
 */
export async function sessionsOfUser(
  executor: Executor,
  asked: SessionsAsked,
  askedAt: Instant,
): Promise<SessionsPage> {
  const { userId, scope, from, to, after, limit } = asked;
  const question = ['sessions_of_user', scope.realm, userId, scope.applications, from, to];
  const cursor = after === undefined ? null : readCursor(after, question, [instantShape, uuidShape]);
  const knownAt = cursor?.knownAt ?? askedAt;
  const opened = await sessionsOpened(executor, asked, knownAt, cursor?.place ?? null);
  const page = opened.slice(0, limit);
  const last = page.at(-1);
  const sessionIds = page.map(({ sessionId }) => sessionId);
  const { items, ...stands } = await comparedSummaries(executor, sessionIds, knownAt, knownAt);
  return {
    items,
    next:
      opened.length > limit && last !== undefined
        ? writeCursor(question, { knownAt, place: [last.createdAt, last.sessionId] })
        : null,
    applications: applicationsCovered(await readCoverage(executor, knownAt, scope.applications), knownAt),
    ...stands,
  };
}

interface Opened {
  sessionId: string;
  createdAt: Instant;
}

const sessionsOpenedSql = `
WITH asked AS MATERIALIZED (
  SELECT s.subject_id, (get_byte(uuid_send(s.subject_id), 15) & 63)::smallint AS bucket, t.*
    FROM (SELECT $3::text[] AS applications, $4::timestamptz AS since, $5::timestamptz AS upto, $6::timestamptz AS known_at,
                 $7::timestamptz AS after_created_at, $8::uuid AS after_session_id) t
    JOIN session_ledger.subject s ON s.realm = $1 AND s.user_id = $2
)
SELECT e.session_id AS "sessionId", e.occurred_at AS "createdAt"
  FROM asked a
  JOIN session_ledger.event e ON e.bucket = a.bucket AND e.subject_id = a.subject_id AND e.kind = 'created'
 CROSS JOIN LATERAL session_ledger.last_event_at(a.bucket, e.session_id, 'infinity', a.known_at, e.occurred_at - interval '61 seconds') last
 WHERE e.occurred_at < a.upto AND e.recorded_at <= least(a.known_at, a.upto + interval '10 minutes')
   AND (a.applications IS NULL OR e.application = ANY (a.applications))
   AND (a.after_session_id IS NULL OR (e.occurred_at, e.session_id) < (a.after_created_at, a.after_session_id))
   AND CASE WHEN last.kind = 'revoked' THEN last.occurred_at ELSE last.expires_at END > a.since
 ORDER BY e.occurred_at DESC, e.session_id DESC
 LIMIT $9`;

/** One more than the limit, so that the end of the list shows. */
async function sessionsOpened(
  executor: Executor,
  { userId, scope, from, to, limit }: SessionsAsked,
  knownAt: Instant,
  place: readonly string[] | null,
): Promise<Opened[]> {
  const range = [from ?? '-infinity', to ?? 'infinity', knownAt];
  return queryRows<Opened>(executor, {
    name: 'sessions_opened',
    text: sessionsOpenedSql,
    values: [scope.realm, userId, scope.applications, ...range, place?.[0] ?? null, place?.[1] ?? null, limit + 1],
  });
}
