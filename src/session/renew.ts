import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import type { Instant } from '../ledger/instant.js';
import { queryRows } from '../ledger/named-query.js';
import { bucketOf, mintNextToken, type MintedToken, type TokenClaim } from '../token/session-token.js';
import type { ClientSeen, SeenClient } from './client.js';
import { clientParameters } from './client-parameters.js';
import { inLedgerTerms } from './ledger-terms.js';
import type { LiveSession } from './live-session.js';
import type { Policy } from './policy.js';

/** What a renewal says; with `amr` the user has just authenticated again. */
export interface RenewInput {
  readonly amr?: readonly string[] | undefined;
  readonly acr?: string | undefined;
  readonly client?: ClientSeen | undefined;
  /** When given, the token must be this session's. */
  readonly sessionId?: string | undefined;
  readonly recordedBy?: string | undefined;
}

/** A renewal whose every part was checked. */
export interface CheckedRenewal {
  /** Not empty: the user has just authenticated again. */
  readonly amr: string[];
  readonly acr: string | null;
  readonly client: SeenClient | undefined;
  readonly policy: Policy;
  /** On record already (`recorderId`). */
  readonly recordedBy: string;
}

/** A session with its next token; the one before is dead. */
export interface RenewedSession {
  readonly token: string;
  readonly session: LiveSession;
}

/**
 * Gives a live session a new secret and resets its idle deadline; after a fresh authentication its absolute one too
 * (NIST SP 800-63B-4 5.2). The session keeps its id, and the stricter of its own limits and the configured ones.
 *
 * @throws SessionLedgerError ERR_SESSION_NOT_LIVE when the token is not that of a live session.
 */
export async function renewSession(
  dataSource: DataSource,
  claim: TokenClaim,
  renewal: CheckedRenewal,
): Promise<RenewedSession> {
  const next = mintNextToken(claim.sessionId);
  const row = await recordRenewal(dataSource, claim, next, renewal);
  if (row?.renewed !== true) throw notLive();
  return { token: next.token, session: sessionOf(claim.sessionId, row, renewal) };
}

/** The one refusal for every token that is not live; which way it is not is nobody's business. */
export function notLive(): SessionLedgerError {
  return new SessionLedgerError('ERR_SESSION_NOT_LIVE', 'this token is not live; log the user in again');
}

interface RenewalRow extends Omit<LiveSession, 'sessionId' | 'lastUsedAt' | 'actor'> {
  renewed: boolean;
  renewedAt: Instant;
  actorUserId: string | null;
  actorRealm: string | null;
}

/*
 * The event says the limits that hold from now on. They are the configured policy's own, or that policy tightened by what
 * the session was opened or renewed with before, as at an opening (policy-of-opening.ts).
 *
 * The session's own limits are read without a lock. They change by a renewal alone, and that changes the digest too, so
 * that renew_session then finds no row. (least() passes over null: no idle limit of its own.)
 */
const renewSql = `
SELECT r.renewed, r.renewed_at AS "renewedAt", r.expires_at AS "expiresAt", r.absolute_expires_at AS "absoluteExpiresAt",
       own.idle_seconds AS "idleSeconds", s.subject_id AS "subjectId", u.user_id AS "userId", u.realm, s.application,
       s.created_at AS "createdAt", s.authenticated_at AS "authenticatedAt", s.amr, s.acr,
       o.user_id AS "actorUserId", o.realm AS "actorRealm"
  FROM session_ledger.session s
  JOIN session_ledger.subject u ON u.subject_id = s.subject_id
  LEFT JOIN session_ledger.subject o ON o.subject_id = s.actor_id
 CROSS JOIN LATERAL (
   SELECT least(s.idle_seconds, $5::integer) AS idle_seconds,
          least(extract(epoch FROM s.absolute_expires_at - s.authenticated_at)::integer, $6::integer) AS absolute_seconds) own
 CROSS JOIN LATERAL session_ledger.renew_session(s.session_id, s.secret_digest, $4, own.idle_seconds, own.absolute_seconds, $7, $8,
              jsonb_build_object('policy', jsonb_build_object('name', $9::text, 'idleSeconds', own.idle_seconds, 'absoluteSeconds', own.absolute_seconds,
                'source', CASE WHEN own.idle_seconds IS NOT DISTINCT FROM $5 AND own.absolute_seconds = $6 THEN $10::text ELSE 'tightened' END)),
              ROW($11::inet, $12::text, $13::bytea, $14::bytea)::session_ledger.client_seen,
              (SELECT w.recorder_id FROM session_ledger.recorder w WHERE w.name = $15)) r
 WHERE s.bucket = $1 AND s.session_id = $2 AND s.secret_digest = $3 AND s.end_reason IS NULL`;

async function recordRenewal(
  dataSource: DataSource,
  { sessionId, secretDigest }: TokenClaim,
  next: MintedToken,
  { amr, acr, client, policy, recordedBy }: CheckedRenewal,
): Promise<RenewalRow | undefined> {
  const { name, idleSeconds, absoluteSeconds, source } = policy;
  const values = [
    bucketOf(sessionId),
    sessionId,
    secretDigest,
    next.secretDigest,
    idleSeconds,
    absoluteSeconds,
    amr,
    acr,
    name,
    source,
    ...clientParameters(client),
    recordedBy,
  ];
  const statement = { name: 'session_ledger_renew_v1', text: renewSql, values };
  const [row] = await inLedgerTerms(() => queryRows<RenewalRow>(dataSource, statement));
  return row;
}

function sessionOf(sessionId: string, row: RenewalRow, { amr, acr }: CheckedRenewal): LiveSession {
  const isFresh = amr.length > 0;
  const { actorUserId, actorRealm } = row;
  return {
    sessionId,
    subjectId: row.subjectId,
    userId: row.userId,
    realm: row.realm,
    application: row.application,
    createdAt: row.createdAt,
    authenticatedAt: isFresh ? row.renewedAt : row.authenticatedAt,
    lastUsedAt: row.renewedAt,
    expiresAt: row.expiresAt,
    absoluteExpiresAt: row.absoluteExpiresAt,
    idleSeconds: row.idleSeconds,
    amr: isFresh ? amr : row.amr,
    acr: isFresh ? acr : row.acr,
    actor: actorUserId === null || actorRealm === null ? null : { userId: actorUserId, realm: actorRealm },
  };
}
