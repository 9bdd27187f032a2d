import type { TokenClaim } from '../token/session-token.js';
import type { SeenClient } from './client.js';
import type { UseObserver } from './use-observer.js';

/** How uses are batched. Every limit has a default that suits a process with two cores. */
export interface UseBatchesOptions {
  /** Writer connections that may each carry one batch at a time. Two to four: more only split the batches. Default 3. */
  writers?: number;
  /** Entries per statement at most. Default 200. */
  maxBatch?: number;
  /** Uses that may wait for a batch; one more is refused with 503 (ERR_LEDGER_BUSY). Default 10,000. */
  maxQueue?: number;
  /** Milliseconds after which a use that was not recorded is refused with 503. Default 5,000. */
  maxWaitMs?: number;
  /** Tokens whose unchanging facts are remembered. Default 50,000, about 600 bytes each. */
  rememberedTokens?: number;
  observer?: UseObserver;
}

/** A use to be recorded. */
export interface UseRequest {
  readonly claim: TokenClaim;
  readonly passive: boolean;
  readonly client: SeenClient | undefined;
  /** Who records, 1 to 255 characters. */
  readonly recordedBy: string;
}
