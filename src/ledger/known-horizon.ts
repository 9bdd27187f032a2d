import type { Instant } from './instant.js';

/**
 * The latest horizon that was seen. The horizon of a ledger never goes back, so a database that shows an earlier one is an
 * older copy of it, which may lack what was recorded since: revocations among it.
 */
export class KnownHorizon {
  private latest: Instant | undefined;

  /** @param latest as it was kept somewhere else than in the database. */
  constructor(latest?: Instant) {
    this.latest = latest;
  }

  get until(): Instant | undefined {
    return this.latest;
  }

  /** Instants have one form and one length, so that their texts compare as they do. */
  saw(horizon: Instant): void {
    if (this.latest === undefined || horizon > this.latest) this.latest = horizon;
  }
}
