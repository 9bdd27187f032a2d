import type { EntityManager } from 'typeorm';
import { SessionLedgerError } from '../errors.js';

/**
 * Checks that a manager is one of an open transaction. TypeORM's `dataSource.manager` runs every statement in a
 * transaction of its own, and a caller who passes it believes that rolling back would undo the opening.
 *
 * The isolation level is the database's to check (SL002), because the application may have changed it by SQL.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT
 */
export function joinedTransaction(manager: EntityManager): EntityManager {
  if (manager.queryRunner?.isTransactionActive !== true) {
    throw new SessionLedgerError(
      'ERR_INVALID_INPUT',
      'manager has no open transaction; pass the one that dataSource.transaction() gives you, or none',
      { field: 'manager' },
    );
  }
  return manager;
}
