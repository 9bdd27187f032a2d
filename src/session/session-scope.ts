import type { DataSource } from 'typeorm';
import { queryRows } from '../ledger/named-query.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { bucketOf, parseToken } from '../token/session-token.js';

/** Whose user and which application a session belongs to; neither ever changes. */
export interface SessionScope {
  readonly realm: string;
  readonly application: string;
}

/** The scope of the session a token names, whether or not its secret is right; undefined for what names none. */
export async function scopeOfToken(dataSource: DataSource, token: string): Promise<SessionScope | undefined> {
  const claim = parseToken(token);
  return claim === undefined ? undefined : scopeOfSession(dataSource, claim.sessionId);
}

const scopeOfSessionSql = `
SELECT u.realm, e.application
  FROM session_ledger.event e JOIN session_ledger.subject u USING (subject_id)
 WHERE e.bucket = $1 AND e.session_id = $2 AND e.kind = 'created'
   AND e.recorded_at BETWEEN to_timestamp($3::bigint / 1000.0) - interval '1 day' AND to_timestamp($3::bigint / 1000.0) + interval '1 day'
 LIMIT 1`;

/**
 * The scope of a session, from the event that opened it, so that it outlasts the session's row; undefined for an id
 * that the ledger never saw.
 */
export async function scopeOfSession(dataSource: DataSource, sessionId: string): Promise<SessionScope | undefined> {
  const values = [bucketOf(sessionId), sessionId, mintedAtMilliseconds(sessionId)];
  try {
    return (
      await queryRows<SessionScope>(dataSource, { name: 'scope_of_session', text: scopeOfSessionSql, values })
    )[0];
  } catch (failure) {
    throw toSessionLedgerError(failure);
  }
}

/** The time in the UUIDv7 (RFC 9562 5.7), which is the database's: it says in which partition the opening lies. */
function mintedAtMilliseconds(sessionId: string): number {
  return Number.parseInt(sessionId.replaceAll('-', '').slice(0, 12), 16);
}
