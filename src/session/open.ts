import type { Instant } from '../ledger/instant.js';
import { microsecondsOf } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { SessionLedgerError } from '../errors.js';
import { bucketOf, mintToken, type MintedToken } from '../token/session-token.js';
import { clientParameters } from './client-parameters.js';
import { inLedgerTerms } from './ledger-terms.js';
import type { LiveSession } from './live-session.js';
import type { CheckedOpening } from './open-input.js';
import type { RecordedSubject } from './subject.js';

/** A session just opened. The token is here and nowhere else. */
export interface OpenedSession {
  /** For the user's cookie; 64 characters. Kept nowhere: what is lost cannot be shown again. */
  readonly token: string;
  readonly session: LiveSession;
  /** Sessions that this opening ended: the one it replaces, and those that had to make room. */
  readonly ended: string[];
}

/** Who the rows of an opening refer to; recorded beforehand, on a connection of their own. */
export interface OpeningParties {
  readonly subject: RecordedSubject;
  readonly actorId: string | null;
  readonly recordedBy: string;
}

/**
 * Opens a session: one statement, on the executor's own transaction where it has one.
 *
 * @throws SessionLedgerError ERR_TOO_MANY_SESSIONS where the policy refuses one more; ERR_ISOLATION_LEVEL outside
 * READ COMMITTED; ERR_LEDGER_UNAVAILABLE, ERR_LEDGER_BUSY, ERR_CLOCK_BEHIND when it could not be recorded.
 */
export async function openSession(
  executor: Executor,
  opening: CheckedOpening,
  parties: OpeningParties,
): Promise<OpenedSession> {
  const { subject } = parties;
  const minted = mintToken(bucketOf(subject.subjectId), Number(microsecondsOf(subject.databaseNow) / 1000n));
  const row = await recordOpening(executor, opening, parties, minted);
  if (!row.opened) {
    throw new SessionLedgerError(
      'ERR_TOO_MANY_SESSIONS',
      `the user holds ${opening.policy.maxConcurrent} live sessions, as many as the policy allows; end one first`,
    );
  }
  return {
    token: minted.token,
    session: sessionOf(opening, subject.subjectId, minted.sessionId, row),
    ended: row.ended,
  };
}

interface OpeningRow {
  opened: boolean;
  createdAt: Instant;
  expiresAt: Instant;
  absoluteExpiresAt: Instant;
  ended: string[];
}

// Instants as text: the application's own connection may have any time zone and DateStyle.
const openSql = `
SELECT opened, ended_session_ids AS ended, session_ledger.rfc3339(created_at) AS "createdAt",
       session_ledger.rfc3339(expires_at) AS "expiresAt", session_ledger.rfc3339(absolute_expires_at) AS "absoluteExpiresAt"
  FROM session_ledger.open_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
         ROW($13::inet, $14::text, $15::bytea, $16::bytea)::session_ledger.client_seen, $17, $18,
         (SELECT w.recorder_id FROM session_ledger.recorder w WHERE w.name = $19))`;

async function recordOpening(
  executor: Executor,
  opening: CheckedOpening,
  { subject, actorId, recordedBy }: OpeningParties,
  { sessionId, secretDigest }: MintedToken,
): Promise<OpeningRow> {
  const { application, policy, amr, acr, replaces } = opening;
  const values = [
    sessionId,
    secretDigest,
    subject.subjectId,
    actorId,
    application,
    policy.idleSeconds,
    policy.absoluteSeconds,
    policy.maxConcurrent,
    policy.onLimit,
    amr,
    acr,
    JSON.stringify(detailOf(opening)),
    ...clientParameters(opening.client),
    replaces?.sessionId ?? null,
    replaces?.secretDigest ?? null,
    recordedBy,
  ];
  const statement = { name: 'session_ledger_open_v1', text: openSql, values };
  const [row] = await inLedgerTerms(() => queryRows<OpeningRow>(executor, statement));
  if (row === undefined) throw new SessionLedgerError('ERR_INTERNAL', 'open_session answered no row');
  return row;
}

/** What the `created` event says beyond its columns: the policy in force, so that no answer rests on today's settings. */
function detailOf({ policy, attributes }: CheckedOpening): object {
  const { name, idleSeconds, absoluteSeconds, maxConcurrent, onLimit, source } = policy;
  const inForce = { name, idleSeconds, absoluteSeconds, maxConcurrent, onLimit, source };
  return attributes === undefined ? { policy: inForce } : { policy: inForce, attributes };
}

function sessionOf(opening: CheckedOpening, subjectId: string, sessionId: string, row: OpeningRow): LiveSession {
  const { userId, realm, application, policy, amr, acr, actor } = opening;
  return {
    sessionId,
    subjectId,
    userId,
    realm,
    application,
    createdAt: row.createdAt,
    authenticatedAt: row.createdAt,
    lastUsedAt: row.createdAt,
    expiresAt: row.expiresAt,
    absoluteExpiresAt: row.absoluteExpiresAt,
    idleSeconds: policy.idleSeconds,
    amr,
    acr,
    actor,
  };
}
