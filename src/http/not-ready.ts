import { SessionLedgerError } from '../errors.js';

/** Why this instance is to be sent no requests now. It is told to whoever asks, and logged only when it begins and ends. */
export class NotReady extends SessionLedgerError {
  constructor(code: 'ERR_LEDGER_UNAVAILABLE' | 'ERR_CLOCK_BEHIND', why: string, cause?: unknown) {
    super(code, why, { cause, retryAfterSeconds: 1 });
  }
}
