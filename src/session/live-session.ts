import type { Instant } from '../ledger/instant.js';

/** Somebody who acts as the user of a session: support staff, a delegate. */
export interface SessionActor {
  readonly userId: string;
  readonly realm: string;
}

/**
 * A session as it is at the moment of the answer it came with. Instants are RFC 3339 UTC with six fraction digits, by
 * the database's clock.
 *
 * @example
 * const { token, session } = await sessions.open({ userId: 'alice' });
 * session.expiresAt; // '2026-03-04T03:14:00.000000Z': lapses then, unless used before
 */
export interface LiveSession {
  /** The public id, a UUIDv7; it proves nothing, the token does. */
  readonly sessionId: string;
  /** The random UUID that stands for the user in the ledger. */
  readonly subjectId: string;
  readonly userId: string;
  readonly realm: string;
  readonly application: string;
  readonly createdAt: Instant;
  /** The last fresh authentication: the opening, or a renewal with `amr`. */
  readonly authenticatedAt: Instant;
  readonly lastUsedAt: Instant;
  /** The deadline: the session lapses then unless it is used before. Never after `absoluteExpiresAt`. */
  readonly expiresAt: Instant;
  /** No use moves this one. */
  readonly absoluteExpiresAt: Instant;
  /** Seconds without use after which the session lapses; null: only the absolute deadline counts. */
  readonly idleSeconds: number | null;
  /** Authentication methods (RFC 8176), such as `pwd`, `otp`. */
  readonly amr: string[];
  /** Authentication context class (OpenID Connect Core 1.0, 2). */
  readonly acr: string | null;
  /** Who acts as the user; null in the user's own session. */
  readonly actor: SessionActor | null;
}
