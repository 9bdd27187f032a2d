import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { SessionLedgerError } from '../errors.js';
import { problemOf } from './problem.js';

/**
 * Answers what Node gave up on before there was a request to route, as a problem like every other: bytes that are not
 * HTTP, headers that are too long, a request that does not come to its end. The connection is closed after it.
 *
 * @param code of Node's error.
 */
export function answerUnparsed(code: string | undefined, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = randomUUID();
  const problem = problemOf(failureOf(code));
  const body = JSON.stringify({ ...problem, requestId });
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function failureOf(code: string | undefined): SessionLedgerError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new SessionLedgerError('ERR_HEADERS_TOO_LARGE', 'all headers together may have 16 KiB');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new SessionLedgerError(
        'ERR_REQUEST_TIMEOUT',
        'the request did not come to its end in time; send it again',
      );
    default:
      return new SessionLedgerError('ERR_INVALID_INPUT', 'this is not HTTP/1.1');
  }
}
