import type { ServerResponse } from 'node:http';
import { SessionLedgerError } from '../errors.js';
import { nodeRequestOf, type HttpRequest } from './http-request.js';
import { KeptWithRequest } from './kept-with-request.js';

/** What the guard needs of a Fastify reply. Headers set on the raw response would be overwritten when the reply is sent. */
interface Reply {
  readonly sent: boolean;
  header(name: string, value: string | string[]): unknown;
  getHeader(name: string): unknown;
  removeHeader(name: string): unknown;
}

export type HttpResponse = ServerResponse | Reply;

// Fastify's request does not know its reply, and `sessions.open(input, request)` is given the request alone.
const responses = new KeptWithRequest<HttpResponse>();

/** Notes which response belongs to a request, for whoever later holds the request alone. */
export function rememberResponse(request: HttpRequest, response: HttpResponse): void {
  responses.set(nodeRequestOf(request), response);
}

/**
 * The response that belongs to a request and whose headers can still be written.
 *
 * @throws SessionLedgerError `ERR_CONFIGURATION` when the request has no known response, or its headers have left.
 */
export function writableResponseOf(request: HttpRequest): HttpResponse {
  const response = responses.get(nodeRequestOf(request)) ?? expressResponseOf(request);
  if (response === undefined) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      'no response is known for this request: pass the request of an Express or Fastify route handler',
    );
  }
  if ('sent' in response ? response.sent : response.headersSent) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      'the headers of this response have left: open, renew or log out before answering',
    );
  }
  return response;
}

/** Sets one header, in place of an earlier value. */
export function setHeader(response: HttpResponse, name: string, value: string): void {
  if ('setHeader' in response) response.setHeader(name, value);
  else response.header(name, value);
}

/** Adds a field name to `Vary` unless it is there (RFC 9110 12.5.5). */
export function addToVary(response: HttpResponse, fieldName: string): void {
  const present = valuesOf(response.getHeader('vary')).flatMap((value) => value.split(',').map((part) => part.trim()));
  const isCovered = present.some((part) => part === '*' || part.toLowerCase() === fieldName.toLowerCase());
  if (!isCovered) setHeader(response, 'vary', [...present, fieldName].join(', '));
}

/** Sets a cookie, in place of one of the same name that this very response would have set. */
export function replaceSetCookie(response: HttpResponse, name: string, setCookie: string): void {
  const others = valuesOf(response.getHeader('set-cookie')).filter((value) => !value.startsWith(`${name}=`));
  if ('setHeader' in response) {
    response.setHeader('set-cookie', [...others, setCookie]);
    return;
  }
  // Fastify's reply.header appends to Set-Cookie instead of replacing it.
  response.removeHeader('set-cookie');
  response.header('set-cookie', [...others, setCookie]);
}

function valuesOf(header: unknown): string[] {
  if (header === undefined) return [];
  return (Array.isArray(header) ? header : [header]).map(String);
}

function expressResponseOf(request: HttpRequest): HttpResponse | undefined {
  return 'res' in request ? (request.res as ServerResponse | undefined) : undefined;
}
