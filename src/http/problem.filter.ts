import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { SessionLedgerError } from '../errors.js';
import { NotReady } from './not-ready.js';
import { problemOf, type Problem } from './problem.js';
import { requestIdOf } from './request-id.js';

/** Answers every error as a problem (RFC 9457), and logs those that the client is not to blame for. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(failure: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(failure, http.getRequest<Request>(), http.getResponse<Response>());
  }

  /** For failures before or outside of Nest's own pipeline. */
  answer(failure: unknown, request: Request, response: Response): void {
    const problem = problemOf(failure);
    const requestId = requestIdOf(request);
    if (problem.status >= 500 && !(failure instanceof NotReady))
      this.logger.error({ err: failure, requestId, code: problem.code }, 'request failed');
    // Half an answer must not look like a whole one.
    if (response.headersSent) response.destroy();
    else send(response, { ...problem, requestId }, failure);
  }
}

function send(response: Response, problem: Problem, failure: unknown): void {
  if (failure instanceof SessionLedgerError && failure.retryAfterSeconds !== undefined)
    response.setHeader('Retry-After', String(failure.retryAfterSeconds));
  // RFC 9110 11.6.1: a 401 says how to authenticate.
  if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="session-ledger"');
  response.status(problem.status).setHeader('Content-Type', 'application/problem+json; charset=utf-8');
  response.end(JSON.stringify(problem));
}
