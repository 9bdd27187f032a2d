import type { DataSource } from 'typeorm';
import type { Instant } from '../ledger/instant.js';
import { explainedRows } from './explained-query.js';

/** Which ledger this is, and how far it is settled. */
export interface LedgerMark {
  /** When it was started, which no two ledgers share. */
  readonly startedAt: Instant;
  readonly settledAt: Instant;
}

const ledgerMarkSql = `
SELECT h.settled_at AS "settledAt", e.recorded_at AS "startedAt"
  FROM session_ledger.horizon h, session_ledger.event e
 WHERE e.session_id IS NULL AND e.kind = 'ledger_started' ORDER BY e.seq LIMIT 1`;

/** @returns undefined for a ledger that was not started. */
export async function readLedgerMark(database: DataSource): Promise<LedgerMark | undefined> {
  return (await explainedRows<LedgerMark>(database, { name: 'ledger_mark', text: ledgerMarkSql, values: [] }))[0];
}
