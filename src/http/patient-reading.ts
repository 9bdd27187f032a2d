import { setTimeout as pause } from 'node:timers/promises';
import { SessionLedgerError } from '../errors.js';

// Probes and scrapers give up after a few seconds themselves, and would then not be told anything.
const longestMs = 2_000;

/** A reading that may hang: it is waited for so long and no longer, and whoever asks meanwhile waits for the same one. */
export class PatientReading<Value> {
  private underWay: Promise<Value> | undefined;

  constructor(private readonly read: () => Promise<Value>) {}

  /** @throws SessionLedgerError `ERR_LEDGER_BUSY` when it takes too long, and whatever the reading throws. */
  async next(): Promise<Value> {
    this.underWay ??= this.read().finally(() => (this.underWay = undefined));
    const isOver = new AbortController();
    try {
      return await Promise.race([this.underWay, tooLong(isOver.signal)]);
    } finally {
      isOver.abort();
    }
  }
}

async function tooLong(signal: AbortSignal): Promise<never> {
  await pause(longestMs, undefined, { signal });
  throw new SessionLedgerError('ERR_LEDGER_BUSY', `the database did not answer within ${longestMs / 1000} s`, {
    retryAfterSeconds: 1,
  });
}
