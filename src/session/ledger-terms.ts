import { toSessionLedgerError } from '../ledger/sqlstate.js';

/** Runs work on the database and lets its failures leave as errors of this package, with the cause kept. */
export async function inLedgerTerms<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    throw toSessionLedgerError(failure);
  }
}
