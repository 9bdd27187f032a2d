import { parseToken } from '../token/session-token.js';
import type { GuardOptions } from './guard-options.js';
import { headerOf, type HttpRequest } from './http-request.js';
import { sessionCookiesOf } from './session-cookie.js';

/** What a request shows in the place where tokens are taken from. `malformed` is whatever cannot be a token. */
export type PresentedToken =
  | { readonly kind: 'absent' }
  | { readonly kind: 'malformed'; readonly inCookie: boolean }
  | { readonly kind: 'token'; readonly token: string; readonly inCookie: boolean };

/**
 * The token of a request, from the configured place alone: a token in the query, the body or any other header is not
 * seen (RFC 9700 2.6, OWASP ASVS 5.0 14.2.1: secrets in URLs end in logs). What is not exactly one token is malformed
 * and costs no trip to the database.
 */
export function presentedToken(request: HttpRequest, options: GuardOptions): PresentedToken {
  const cookies = options.token === 'bearer' ? [] : sessionCookiesOf(request, options.cookie);
  const bearers = options.token === 'cookie' ? [] : bearerTokensOf(request);
  const [value, ...others] = [...cookies, ...bearers];
  if (value === undefined) return { kind: 'absent' };
  const inCookie = cookies.length > 0;
  // Sent in two ways at once, or twice in one: RFC 6750 2 forbids it, and which one is meant cannot be told.
  if (others.length > 0 || parseToken(value) === undefined) return { kind: 'malformed', inCookie };
  return { kind: 'token', token: value, inCookie };
}

/** RFC 6750 2.1; the scheme's name is not case-sensitive (RFC 9110 11.1). Another scheme is somebody else's business. */
function bearerTokensOf(request: HttpRequest): string[] {
  const [scheme = '', ...rest] = (headerOf(request, 'authorization') ?? '').split(' ');
  return scheme.toLowerCase() === 'bearer' ? [rest.join(' ').trim()] : [];
}
