import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SessionLedgerError } from '../errors.js';
import { problemOf } from './problem.js';

const retryAfterSeconds = 5;
const waiting = new SessionLedgerError('ERR_LEDGER_UNAVAILABLE', 'the service waits for its database; try again');

/**
 * Answers while the service waits for its database: the process lives, which a restart would not better, and is not ready
 * for anything.
 */
export function answerBeforeStart(request: IncomingMessage, response: ServerResponse): void {
  const requestId = randomUUID();
  response.setHeader('Cache-Control', 'no-store').setHeader('X-Request-Id', requestId).setHeader('Connection', 'close');
  if (request.url === '/health/live') {
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify({ status: 'ok', info: {}, error: {}, details: {} }));
    return;
  }
  const problem = problemOf(waiting);
  response.writeHead(problem.status, {
    'Content-Type': 'application/problem+json; charset=utf-8',
    'Retry-After': String(retryAfterSeconds),
  });
  response.end(JSON.stringify({ ...problem, requestId }));
}
