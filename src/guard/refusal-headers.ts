import type { GuardOptions } from './guard-options.js';
import { SessionLedgerError } from '../errors.js';
import type { SessionLedgerHttpException } from './http-exception.js';
import { addToVary, setHeader, type HttpResponse } from './http-response.js';

/** Headers every refusal carries, whoever renders it: no cache keeps it, and a passing failure says when to come back. */
export function announceRefusal(response: HttpResponse, exception: SessionLedgerHttpException): void {
  setHeader(response, 'cache-control', 'no-store');
  const seconds = exception.cause instanceof SessionLedgerError ? exception.cause.retryAfterSeconds : undefined;
  // RFC 9110 10.2.3: whole seconds; RFC 9110 15.6.4: a 503 says when it is worth trying again.
  if (exception.getStatus() === 503 || seconds !== undefined)
    setHeader(response, 'retry-after', String(Math.ceil(seconds ?? 1)));
}

/**
 * Says how to authenticate, as every 401 must (RFC 9110 15.5.2). No registered scheme stands for cookies; `Cookie` is
 * the one drafted for it, with the cookie's name, and no browser opens a password dialogue for it.
 */
export function challenge(response: HttpResponse, options: GuardOptions, parameters: readonly string[] = []): void {
  const realm = `realm="${options.realm.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
  const byCookie = ['Cookie', [realm, `cookie-name="${options.cookie.name}"`, ...parameters].join(', ')].join(' ');
  const byBearer = ['Bearer', [realm, ...parameters].join(', ')].join(' ');
  const challenges = { cookie: [byCookie], bearer: [byBearer], both: [byCookie, byBearer] }[options.token];
  setHeader(response, 'www-authenticate', challenges.join(', '));
}

/** Marks an answer as one person's own, for every cache on the way (RFC 9111 5.2.2.5, RFC 9110 12.5.5). */
export function keepFromCaches(response: HttpResponse, options: GuardOptions): void {
  setHeader(response, 'cache-control', 'no-store');
  if (options.token !== 'bearer') addToVary(response, 'Cookie');
  if (options.token !== 'cookie') addToVary(response, 'Authorization');
}
