import type { DataSource, EntityManager } from 'typeorm';
import { queryRows, type Executor, type NamedStatement } from '../ledger/named-query.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';

/** Runs a statement; a failure of the database is put into words that a caller may hear. */
export async function explainedRows<Row extends object>(executor: Executor, statement: NamedStatement): Promise<Row[]> {
  try {
    return await queryRows<Row>(executor, statement);
  } catch (failure) {
    throw toSessionLedgerError(failure);
  }
}

/** Runs work in a transaction of its own (READ COMMITTED, which the ledger's functions require), explained likewise. */
export async function explainedTransaction<Result>(
  writer: DataSource,
  work: (manager: EntityManager) => Promise<Result>,
): Promise<Result> {
  try {
    return await writer.transaction('READ COMMITTED', work);
  } catch (failure) {
    throw toSessionLedgerError(failure);
  }
}
