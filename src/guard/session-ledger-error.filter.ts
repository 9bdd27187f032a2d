import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SessionLedgerError } from '../errors.js';
import { SessionLedgerHttpException } from './http-exception.js';
import { setHeader, type HttpResponse } from './http-response.js';
import { announceRefusal } from './refusal-headers.js';

/**
 * Answers a `SessionLedgerError` that a handler let through (from `sessions.open`, say) and every refusal of the guard
 * as `application/problem+json` (RFC 9457). Optional: without it, refusals of the guard are Nest's own JSON with the
 * same members, and other errors are the application's to handle.
 *
 * @example
 * { provide: APP_FILTER, useClass: SessionLedgerErrorFilter }
 */
@Catch(SessionLedgerError, SessionLedgerHttpException)
export class SessionLedgerErrorFilter implements ExceptionFilter<SessionLedgerError | SessionLedgerHttpException> {
  private readonly logger = new Logger('SessionLedger');

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(thrown: SessionLedgerError | SessionLedgerHttpException, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<HttpResponse>();
    const exception = thrown instanceof SessionLedgerError ? new SessionLedgerHttpException(thrown) : thrown;
    if (exception.getStatus() === 500) this.logger.error('a request failed', thrown);
    announceRefusal(response, exception);
    setHeader(response, 'content-type', 'application/problem+json; charset=utf-8');
    this.adapterHost.httpAdapter.reply(response, exception.getResponse(), exception.getStatus());
  }
}
