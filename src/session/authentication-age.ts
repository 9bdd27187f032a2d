import { microsecondsOf } from '../ledger/instant.js';
import type { LiveSession } from './live-session.js';

/**
 * Seconds from the last fresh authentication of a session to the use that was just recorded: both are instants of the
 * ledger, so that no clock of an application has a say in whether a login is fresh.
 *
 * @example
 * authenticationAgeSeconds(session) <= 300;
 */
export function authenticationAgeSeconds(session: Pick<LiveSession, 'authenticatedAt' | 'lastUsedAt'>): number {
  return Number(microsecondsOf(session.lastUsedAt) - microsecondsOf(session.authenticatedAt)) / 1_000_000;
}
