import { Inject, Injectable } from '@nestjs/common';
import { SessionLedgerError } from '../errors.js';
import type { ClientSeen } from '../session/client.js';
import type { OpenedSession } from '../session/open.js';
import type { OpenInput } from '../session/open-input.js';
import type { RenewedSession, RenewInput } from '../session/renew.js';
import type { RevokeInput, RevokeSessionsInput } from '../session/revoke.js';
import { Sessions as SessionsOfLedger, type OpenContext } from '../session/sessions.js';
import type { UseContext } from '../session/use-context.js';
import type { UseResult } from '../session/use-result.js';
import { guardOptionsToken, type GuardOptions } from './guard-options.js';
import type { HttpRequest } from './http-request.js';
import { setHeader, writableResponseOf } from './http-response.js';
import { presentedToken } from './presented-token.js';
import { requestClient } from './request-client.js';
import { clearSessionCookie, setSessionCookie } from './session-cookie.js';

/**
 * Where a session is opened or revoked: the request that asked for it, the transaction it shall be part of; both may be
 * absent.
 *
 * @example
 * const context: SessionsContext = { request, manager };
 */
export interface SessionsContext extends OpenContext {
  /** An Express or Fastify request: its client is recorded; where a session is opened, its cookie is read and written. */
  readonly request?: HttpRequest | undefined;
}

/**
 * Logs users in and out. With a request, it records the client, takes the token from where the guard takes it, and
 * sets and clears the cookie; without one it works all the same, for jobs and other transports.
 *
 * Every method throws `SessionLedgerError`: `ERR_LEDGER_UNAVAILABLE`, `ERR_LEDGER_BUSY` or `ERR_CLOCK_BEHIND` when the
 * change could not be recorded, in which case it did not happen or must be taken as not having happened.
 *
 * @example
 * constructor(private readonly sessions: Sessions) {}
 *
 * \@PublicRoute()
 * \@Post('login')
 * async login(@Body() { userId, password }: LoginDto, @Req() request: HttpRequest) {
 *   await this.passwords.check(userId, password);
 *   const { session } = await this.sessions.open({ userId, amr: ['pwd'] }, request);
 *   return session;
 * }
 */
@Injectable()
export class Sessions {
  constructor(
    private readonly ledger: SessionsOfLedger,
    @Inject(guardOptionsToken) private readonly options: GuardOptions,
  ) {}

  /**
   * Opens a session. The session the request came with is revoked (`replaced`), so that a token planted before the
   * login is worth nothing after it (session fixation; OWASP ASVS 5.0 7.2.4).
   *
   * With a `manager` the session is part of the application's transaction, and the cookie is not set: hand the token
   * out with `deliver` after the commit, or the browser would hold the cookie of a session that was rolled back.
   *
   * @throws SessionLedgerError `ERR_INVALID_USER_ID`, `ERR_TOO_MANY_SESSIONS`, `ERR_POLICY_LOOSENED`,
   * `ERR_SENSITIVE_ATTRIBUTE`, `ERR_ISOLATION_LEVEL`.
   * @example
   * const { token } = await this.sessions.open({ userId: 'alice' }, request);
   * @example
   * const { token } = await dataSource.transaction('READ COMMITTED', (manager) => this.sessions.open({ userId }, { request, manager }));
   * this.sessions.deliver(token, request);
   */
  async open(input: OpenInput, context: HttpRequest | SessionsContext = {}): Promise<OpenedSession> {
    const { request, ...transaction } = contextOf(context);
    if (request === undefined) return this.ledger.open(input, transaction);
    const delivers = transaction.manager === undefined;
    // Asked before the opening: a session whose token cannot be delivered should not come to be.
    if (delivers && this.options.token !== 'bearer') writableResponseOf(request);
    const presented = presentedToken(request, this.options);
    const replaces = presented.kind === 'token' ? { replaces: presented.token } : {};
    const opened = await this.ledger.open({ ...this.clientOf(request), ...replaces, ...input }, transaction);
    if (delivers) this.deliver(opened.token, request);
    return opened;
  }

  /**
   * Sets the cookie that carries a token on the response of a request. Only needed after an `open` or `renew` that
   * joined a transaction; does nothing where tokens travel as bearer tokens alone.
   *
   * @example
   * this.sessions.deliver(token, request);
   */
  deliver(token: string, request: HttpRequest): void {
    if (this.options.token === 'bearer') return;
    const response = writableResponseOf(request);
    setHeader(response, 'cache-control', 'no-store');
    setSessionCookie(response, this.options.cookie, token);
  }

  /**
   * Records one use of the session a token stands for and says whether it is live: what the guard does, for transports
   * it does not know.
   *
   * @example
   * const result = await this.sessions.use(token, { passive: true });
   * if (result.active) result.session.userId;
   */
  use(token: string, context: UseContext = {}): Promise<UseResult> {
    return this.ledger.use(token, context);
  }

  /**
   * Gives a live session a new token; the old one is dead from then on. With `amr` (the user has just authenticated
   * again) the session counts as freshly logged in and gets a new absolute deadline; without, it keeps the old one
   * (NIST SP 800-63B-4 5.2). Renew after every change of privilege (OWASP ASVS 5.0 7.2.4).
   *
   * @param from the request whose cookie is to be renewed, or a token.
   * @throws SessionLedgerError `ERR_SESSION_NOT_LIVE`.
   * @example
   * await this.sessions.renew(request, { amr: ['pwd', 'otp'] });
   */
  async renew(from: HttpRequest | string, input: RenewInput = {}): Promise<RenewedSession> {
    if (typeof from === 'string') return this.ledger.renew(from, input);
    if (this.options.token !== 'bearer') writableResponseOf(from);
    const presented = presentedToken(from, this.options);
    if (presented.kind !== 'token') {
      throw new SessionLedgerError(
        'ERR_SESSION_NOT_LIVE',
        'this request carries no session that could be renewed: log in',
      );
    }
    const renewed = await this.ledger.renew(presented.token, { ...this.clientOf(from), ...input });
    this.deliver(renewed.token, from);
    return renewed;
  }

  /**
   * Logs the bearer of a request out: revokes the session its token proves possession of, and clears the cookie.
   * Logging out twice is not an error.
   *
   * @returns `revoked: 1`, or 0 where no live session came with the request.
   * @example
   * \@PublicRoute()
   * \@Post('logout')
   * logout(@Req() request: HttpRequest) {
   *   return this.sessions.logout(request);
   * }
   */
  async logout(request: HttpRequest): Promise<{ revoked: 0 | 1 }> {
    const presented = presentedToken(request, this.options);
    if (presented.kind === 'absent') return { revoked: 0 };
    const response = presented.inCookie ? writableResponseOf(request) : undefined;
    const ended: { revoked: 0 | 1 } =
      presented.kind === 'token'
        ? await this.ledger.revokeToken(presented.token, { reason: 'logout', ...this.clientOf(request) })
        : { revoked: 0 };
    // After the revocation, never before: a browser without its cookie could not ask again for a logout that failed.
    if (response !== undefined) clearSessionCookie(response, this.options.cookie);
    return ended;
  }

  /**
   * Ends one session by its public id, at once and on every instance. Twice is not an error and adds no second event.
   *
   * @throws SessionLedgerError `ERR_SESSION_NOT_FOUND` for an id the ledger never saw.
   * @example
   * await this.sessions.revoke(sessionId, { reason: 'admin', actor: { userId: 'operator-7' } }, request);
   */
  async revoke(
    sessionId: string,
    input: RevokeInput,
    context: HttpRequest | SessionsContext = {},
  ): Promise<{ revoked: 0 | 1 }> {
    const { request, ...transaction } = contextOf(context);
    return this.ledger.revoke(sessionId, { ...this.clientOf(request), ...input }, transaction);
  }

  /**
   * Ends all sessions of a user, a login in flight included, or all but one.
   *
   * @example
   * await this.sessions.revokeSessions(session.userId, { reason: 'password_changed', exceptSessionId: session.sessionId }, request);
   */
  async revokeSessions(
    userId: string,
    input: RevokeSessionsInput,
    context: HttpRequest | SessionsContext = {},
  ): Promise<{ revoked: number }> {
    const { request, ...transaction } = contextOf(context);
    return this.ledger.revokeSessions(userId, { ...this.clientOf(request), ...input }, transaction);
  }

  /** The client that a request came from, for the event; what the application says of it itself goes before. */
  private clientOf(request: HttpRequest | undefined): { client?: ClientSeen } {
    return request === undefined ? {} : { client: requestClient(request, this.options.proxies) };
  }
}

function contextOf(context: HttpRequest | SessionsContext): SessionsContext {
  return 'headers' in context ? { request: context } : context;
}
