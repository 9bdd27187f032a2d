import { isUtf8 } from 'node:buffer';
import type { RawBodyRequest } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { SessionLedgerError } from '../errors.js';
import { answerUnparsed } from './unparsed-request.js';

// The only route that takes anything but JSON.
const batchPath = '/v1/login-state/batch';
const batchTypes = ['text/csv', 'application/x-ndjson'];

/** The largest JSON body, in bytes. */
export const jsonBodyBytes = 2 ** 20;

/** How long a JSON body may take to arrive. */
export const jsonBodyMs = 60_000;

const deepest = 16;

/** Refuses a body of a type that its route does not read, before a byte of it is parsed. */
export function refuseOtherMediaTypes(request: Request, _: Response, next: NextFunction): void {
  const types = request.path === batchPath ? batchTypes : ['application/json'];
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(request.headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  // `is` answers null when there is no body at all, which is for the route to judge.
  if (request.is(types) === null) next();
  else if (request.is(types) !== false && /^utf-?8$/i.test(charset)) next();
  else next(sendInstead(types));
}

/**
 * The media type of a list, of which the batch route takes two and no third, and not none either.
 *
 * @throws SessionLedgerError `ERR_UNSUPPORTED_MEDIA_TYPE`
 */
export function listTypeOf(request: Request): 'text/csv' | 'application/x-ndjson' {
  if (request.is('text/csv')) return 'text/csv';
  if (request.is('application/x-ndjson')) return 'application/x-ndjson';
  throw sendInstead(batchTypes);
}

function sendInstead(types: readonly string[]): SessionLedgerError {
  return new SessionLedgerError('ERR_UNSUPPORTED_MEDIA_TYPE', `send ${types.join(' or ')} in UTF-8`, {
    field: 'Content-Type',
  });
}

/**
 * Gives up on a JSON body that does not come to its end: whoever sends one needs no key, and would hold a connection for
 * as long as the largest list may take to upload.
 */
export function refuseSlowBodies(milliseconds: number): (request: Request, _: Response, next: NextFunction) => void {
  return (request, _, next) => {
    if (request.is('application/json')) {
      const giveUp = setTimeout(() => answerUnparsed('ERR_HTTP_REQUEST_TIMEOUT', request.socket), milliseconds);
      request.once('end', () => clearTimeout(giveUp)).once('close', () => clearTimeout(giveUp));
    }
    next();
  };
}

/**
 * Looks at the bytes that a JSON body was parsed from (Nest keeps them as `rawBody`).
 *
 * The parser replaces what is not UTF-8 by U+FFFD, and so would turn one user id into another. It also builds arrays
 * nested 500,000 deep, on which whatever walks the result by recursion overflows its stack.
 */
export function verifyJsonBody(request: RawBodyRequest<Request>, _: Response, next: NextFunction): void {
  next(request.rawBody === undefined ? undefined : faultOf(request.rawBody));
}

function faultOf(body: Buffer): SessionLedgerError | undefined {
  if (!isUtf8(body)) return new SessionLedgerError('ERR_INVALID_INPUT', 'the body is not UTF-8', { field: 'body' });
  if (depthOf(body) <= deepest) return undefined;
  return new SessionLedgerError('ERR_INVALID_INPUT', `the body is nested deeper than ${deepest} levels`, {
    field: 'body',
  });
}

function depthOf(body: Buffer): number {
  let depth = 0;
  let greatest = 0;
  let isInString = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (isInString) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) isInString = false;
    } else if (byte === 0x22) isInString = true;
    else if (byte === 0x7b || byte === 0x5b) greatest = Math.max(greatest, (depth += 1));
    else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  return greatest;
}
