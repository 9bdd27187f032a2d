import { LRUCache } from 'lru-cache';
import type { LiveSession } from './live-session.js';

/** What a token stands for and never changes while the token lives: a renewal, which could change it, brings a new token. */
export type SessionFacts = Omit<LiveSession, 'lastUsedAt' | 'expiresAt'>;

/** Facts of one token, and the clients it was seen from. */
export interface KnownToken {
  readonly facts: SessionFacts;
  /** Client id by client key; a handful at most, newest last. */
  readonly clientIds: Map<string, string>;
}

const clientsPerToken = 8;

/**
 * Remembers per token what each use would otherwise have to read and send again. It never says that a session is
 * live: every use is judged in the database. Nothing here needs invalidation, because the key contains the digest of
 * the secret: after a renewal the old entry can no longer be reached by an accepted token.
 */
export class TokenFacts {
  private readonly known: LRUCache<string, KnownToken>;

  constructor(maxTokens: number) {
    this.known = new LRUCache({ max: maxTokens });
  }

  get(tokenKey: string): KnownToken | undefined {
    return this.known.get(tokenKey);
  }

  remember(tokenKey: string, facts: SessionFacts, clientKey: string | undefined, clientId: string | null): KnownToken {
    const known = this.known.get(tokenKey) ?? { facts, clientIds: new Map<string, string>() };
    if (clientKey !== undefined && clientId !== null && !known.clientIds.has(clientKey)) {
      if (known.clientIds.size >= clientsPerToken) {
        known.clientIds.delete(known.clientIds.keys().next().value!);
      }
      known.clientIds.set(clientKey, clientId);
    }
    this.known.set(tokenKey, known);
    return known;
  }

  forget(tokenKey: string): void {
    this.known.delete(tokenKey);
  }
}
