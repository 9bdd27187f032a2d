import type { TokenClaim } from '../token/session-token.js';
import type { SeenClient } from './client.js';
import type { KnownToken } from './token-facts.js';
import type { UseResult } from './use-result.js';

/** One use on its way into the ledger: validated, waiting for its batch. */
export interface UseEntry {
  readonly claim: TokenClaim;
  readonly digestHex: string;
  readonly tokenKey: string;
  readonly passive: boolean;
  readonly client: SeenClient | undefined;
  readonly clientKey: string | undefined;
  /** What was known of the token when the statement that carries the entry was put together. */
  known: KnownToken | undefined;
  /** Who records. Its id is looked up on the connection that records: another database has other ids. */
  readonly recordedBy: string;
  /** Monotonic milliseconds (performance.now) at which the use was asked for. */
  readonly askedAtMs: number;
  /** When the session row was first found locked by somebody else; undefined while it never was. */
  busySinceMs: number | undefined;
  /** Its caller has been answered; whatever a statement under way says of it now is too late. */
  isSettled: boolean;
  readonly resolve: (result: UseResult) => void;
  readonly reject: (error: Error) => void;
}

/** The place of an entry among the entries of the same token in one batch. */
export interface EntryPlace {
  /** 1 for the first use of the token in this batch: added to event_count it gives session_seq. */
  readonly nth: number;
  /** The one entry per token that carries the row's new state. */
  readonly isLast: boolean;
  /** Whether this use, or one before it in the batch, is not passive and so moves the idle deadline. */
  readonly extends: boolean;
}

/**
 * Numbers the uses of each token within a batch. Done here, because window functions and a grouping in the statement
 * cost a backend 86 microseconds per use where this costs it 61 (batches of 100).
 *
 * Entries count as one token only if session id and secret digest agree: a wrong secret beside a right one in the
 * same batch neither takes a number nor moves a deadline.
 */
export function placesWithinTokens(entries: readonly UseEntry[]): EntryPlace[] {
  const lastOfToken = new Map<string, Writable<EntryPlace>>();
  return entries.map(({ tokenKey, passive }) => {
    const before = lastOfToken.get(tokenKey);
    const place = { nth: 1, isLast: true, extends: !passive };
    if (before !== undefined) {
      before.isLast = false;
      place.nth = before.nth + 1;
      place.extends ||= before.extends;
    }
    lastOfToken.set(tokenKey, place);
    return place;
  });
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
