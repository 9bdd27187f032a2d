import { Inject, Injectable, Logger, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SessionLedgerError } from '../errors.js';
import { authenticationAgeSeconds } from '../session/authentication-age.js';
import type { LiveSession } from '../session/live-session.js';
import { Sessions as SessionsOfLedger } from '../session/sessions.js';
import type { UseResult } from '../session/use-result.js';
import { mayBeForged } from './cross-site.js';
import { guardedRequest, rememberGuarded, type GuardedRequest } from './guarded-request.js';
import { guardOptionsToken, type GuardOptions } from './guard-options.js';
import { SessionLedgerHttpException } from './http-exception.js';
import type { HttpRequest } from './http-request.js';
import { rememberResponse, type HttpResponse } from './http-response.js';
import { presentedToken, type PresentedToken } from './presented-token.js';
import { announceRefusal, challenge, keepFromCaches } from './refusal-headers.js';
import { requestClient } from './request-client.js';
import { routeRules, type RouteRules } from './route-rules.js';
import { clearSessionCookie } from './session-cookie.js';
import { SubjectOfSession } from './subject-of-session.js';

/**
 * Lets a request through once the use of its session is on the ledger, and not before.
 *
 * Refusals: 401 without a live session (whatever the reason: an outsider learns none), 403 for a request that another
 * site's page may have forged, 503 with `Retry-After` when the use could not be recorded. Guarded answers are
 * `Cache-Control: no-store`.
 *
 * @example
 * \@UseGuards(SessionGuard)
 * \@Controller('accounts')
 * class AccountsController {}
 */
@Injectable()
export class SessionGuard implements CanActivate {
  private readonly logger = new Logger('SessionLedger');

  constructor(
    private readonly reflector: Reflector,
    private readonly sessions: SessionsOfLedger,
    private readonly subjects: SubjectOfSession,
    @Inject(guardOptionsToken) private readonly options: GuardOptions,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') {
      throw new SessionLedgerError(
        'ERR_CONFIGURATION',
        `SessionGuard protects HTTP routes, not ${context.getType()} handlers`,
      );
    }
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const response = context.switchToHttp().getResponse<HttpResponse>();
    rememberResponse(request, response);
    try {
      await this.judge(request, response, routeRules(this.reflector, context));
      return true;
    } catch (error) {
      throw error instanceof SessionLedgerError ? refusal(response, error) : error;
    }
  }

  private async judge(request: HttpRequest, response: HttpResponse, rules: RouteRules): Promise<void> {
    const presented = presentedToken(request, this.options);
    this.refuseForged(request, presented);
    if (rules.isPublic) return;
    keepFromCaches(response, this.options);
    // A guard that stands both on the application and on a route records one use, not two.
    const admitted = guardedRequest(request) ?? (await this.admit(request, response, presented, rules));
    this.refuseStaleLogin(response, admitted.session, rules);
  }

  private refuseForged(request: HttpRequest, presented: PresentedToken): void {
    const bearsCookie = presented.kind !== 'absent' && presented.inCookie;
    // A bearer token is attached by a program that holds it, never by a browser on another site's behalf.
    const isByProgram = this.options.token === 'bearer' || (presented.kind !== 'absent' && !presented.inCookie);
    if (!isByProgram && mayBeForged(request, this.options.crossSite, bearsCookie, this.options.cookie.secure)) {
      throw new SessionLedgerError(
        'ERR_CROSS_SITE_REQUEST',
        'this request may come from a page of another site: send it from this one, or add that origin to csrf.allowedOrigins',
      );
    }
  }

  private async admit(
    request: HttpRequest,
    response: HttpResponse,
    presented: PresentedToken,
    rules: RouteRules,
  ): Promise<GuardedRequest> {
    if (presented.kind === 'absent') throw this.notAuthenticated(response);
    // What cannot be a token is refused there like any other, without a trip to the database, and counted with them.
    const result = await this.use(presented.kind === 'token' ? presented.token : '', request, rules);
    if (!result.active) {
      // Only the end of this very session clears the cookie. A late request with the secret from before a renewal, or
      // with the session that a login replaced, is refused too, and clearing then would take the new cookie away.
      const isOver = result.why === 'ended' || result.why === 'expired';
      if (isOver && presented.inCookie) clearSessionCookie(response, this.options.cookie);
      throw this.notAuthenticated(response);
    }
    const subject = await this.subjects.load(result.session);
    if (subject === null) throw this.notAuthenticated(response);
    const admitted = { session: result.session, subject };
    rememberGuarded(request, admitted);
    return admitted;
  }

  private async use(token: string, request: HttpRequest, { isPassive }: RouteRules): Promise<UseResult> {
    try {
      return await this.sessions.use(token, {
        client: requestClient(request, this.options.proxies),
        passive: isPassive,
      });
    } catch (error) {
      if (error instanceof SessionLedgerError && error.retryAfterSeconds !== undefined) throw error;
      // Whatever it was, nothing is on the ledger, and so nothing may pass; what it was is for the log.
      this.logger.error('the use of a session could not be recorded', error);
      throw new SessionLedgerError(
        'ERR_LEDGER_UNAVAILABLE',
        'the use of this session could not be recorded; try again',
        {
          cause: error,
          retryAfterSeconds: 1,
        },
      );
    }
  }

  private refuseStaleLogin(response: HttpResponse, session: LiveSession, { maxAgeSeconds }: RouteRules): void {
    if (maxAgeSeconds === undefined || authenticationAgeSeconds(session) <= maxAgeSeconds) return;
    challenge(response, this.options, ['error="insufficient_user_authentication"', `max_age="${maxAgeSeconds}"`]);
    throw new SessionLedgerError(
      'ERR_FRESH_LOGIN_REQUIRED',
      `authenticate again: this needs a login of the last ${maxAgeSeconds} seconds`,
    );
  }

  private notAuthenticated(response: HttpResponse): SessionLedgerError {
    challenge(response, this.options);
    return new SessionLedgerError('ERR_NOT_AUTHENTICATED', 'log in: this request carries no live session');
  }
}

function refusal(response: HttpResponse, error: SessionLedgerError): SessionLedgerHttpException {
  const exception = new SessionLedgerHttpException(error);
  announceRefusal(response, exception);
  return exception;
}
