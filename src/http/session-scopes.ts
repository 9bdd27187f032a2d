import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { scopeOfSession, scopeOfToken, type SessionScope } from '../session/session-scope.js';
import type { Caller } from './caller.js';
import { operatorDatabase } from './service-databases.js';

/** Keeps keys that are bound to a realm or to applications from the sessions of others. Unbound keys cost no query. */
@Injectable()
export class SessionScopes {
  constructor(@Inject(operatorDatabase) private readonly database: DataSource) {}

  /** Whether the caller may speak of the session that a token names; for others' sessions it is no token at all. */
  async allowsToken(caller: Caller, token: string): Promise<boolean> {
    return caller.isUnbound || isWithin(caller, await scopeOfToken(this.database, token));
  }

  /** The realm of a session's user; undefined for an id that the ledger never saw. */
  async realmOf(sessionId: string): Promise<string | undefined> {
    return (await scopeOfSession(this.database, sessionId))?.realm;
  }

  /**
   * Refuses another's session by its id. One that the ledger never saw is nobody's.
   *
   * @throws SessionLedgerError `ERR_FORBIDDEN`.
   */
  async refuseOtherSessions(caller: Caller, sessionId: string): Promise<void> {
    if (caller.isUnbound || isWithin(caller, await scopeOfSession(this.database, sessionId))) return;
    throw new SessionLedgerError('ERR_FORBIDDEN', 'this API key is bound to another realm or application', {
      field: 'sessionId',
    });
  }
}

function isWithin({ key }: Caller, scope: SessionScope | undefined): boolean {
  if (scope === undefined) return true;
  const isOfRealm = key.realm === null || key.realm === scope.realm;
  return isOfRealm && (key.applications === null || key.applications.includes(scope.application));
}
