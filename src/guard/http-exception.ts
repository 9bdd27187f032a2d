import { HttpException } from '@nestjs/common';
import { STATUS_CODES } from 'node:http';
import { SessionLedgerError, type SessionLedgerErrorCode } from '../errors.js';

/**
 * A `SessionLedgerError` on its way out of an HTTP request. The body is a problem (RFC 9457): `{ type, title, status,
 * code, detail, field? }`; `cause` is the error itself. An application's exception filter may render it as it likes:
 * the headers of the refusal are on the response already.
 *
 * @example
 * \@Catch(SessionLedgerHttpException)
 * class ToLoginPage implements ExceptionFilter {
 *   catch(exception: SessionLedgerHttpException, host: ArgumentsHost) {
 *     if (exception.code === 'ERR_NOT_AUTHENTICATED') host.switchToHttp().getResponse().redirect('/login');
 *   }
 * }
 */
export class SessionLedgerHttpException extends HttpException {
  /** The stable code of the error, as in `SessionLedgerError.code`. */
  readonly code: SessionLedgerErrorCode;

  constructor(error: SessionLedgerError) {
    const status = statuses[error.code] ?? 500;
    // What an operator has to mend is for the log (by `cause`), not for whoever sent the request.
    const detail = status === 500 ? 'The request could not be handled.' : error.message;
    const field = error.field === undefined ? {} : { field: error.field };
    super({ type: 'about:blank', title: STATUS_CODES[status], status, code: error.code, detail, ...field }, status, {
      cause: error,
    });
    this.code = error.code;
  }
}

/** Statuses of what the guard and the sessions of a request may throw; every other code is a failure of ours. */
const statuses: Partial<Record<SessionLedgerErrorCode, number>> = {
  ERR_INVALID_INPUT: 400,
  ERR_INVALID_USER_ID: 400,
  ERR_SENSITIVE_ATTRIBUTE: 422,
  ERR_POLICY_LOOSENED: 422,
  ERR_NOT_AUTHENTICATED: 401,
  // RFC 9470 3: a session that is not fresh enough is a missing authentication, not a missing permission.
  ERR_FRESH_LOGIN_REQUIRED: 401,
  ERR_CROSS_SITE_REQUEST: 403,
  ERR_SESSION_NOT_FOUND: 404,
  ERR_SESSION_NOT_LIVE: 409,
  ERR_TOO_MANY_SESSIONS: 409,
  ERR_LEDGER_UNAVAILABLE: 503,
  ERR_LEDGER_BUSY: 503,
  ERR_CLOCK_BEHIND: 503,
};
