import type { RefusalReason } from './use-result.js';

/**
 * Hears what the recording of uses does, for metrics and alarms. Implementations must not throw and never see a token.
 *
 * Of each use that is presented it hears once how it was answered: `useAccepted`, `useRefused` or `useNotRecorded`.
 */
export interface UseObserver {
  /** One use was accepted: it is on the ledger. */
  useAccepted(): void;
  /** One statement has returned: how many entries it carried, and how long it took including its commit, in seconds. */
  batchRecorded(entries: number, seconds: number): void;
  /** One use was refused, and why. */
  useRefused(why: RefusalReason): void;
  /** One use could not be judged, by the code of its error: mostly its caller was told to come back (503). */
  useNotRecorded(code: string): void;
  /**
   * A wrong secret came for a known session: a guess, or an old token after a renewal, which means theft. At most once
   * a minute per session, because session ids are public and anyone could make noise.
   */
  wrongSecretPresented(sessionId: string): void;
}
