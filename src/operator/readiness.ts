import type { DataSource } from 'typeorm';
import { explainedRows } from './explained-query.js';

/** Whether a login state could be recorded right now, and what stands in the way. */
export interface Readiness {
  /** The database takes writes; a standby or a read-only server does not. */
  readonly isWritable: boolean;
  /** The clock has not stepped back behind what is on the ledger. */
  readonly clockHolds: boolean;
  /** Seconds by which the settled part of the ledger trails the clock. */
  readonly horizonLagSeconds: number;
  /** Microseconds-exact UTC up to which everything is settled. */
  readonly settledAt: string;
}

// Probes come every few seconds: were they to wait for longer, they would take all connections while a server is gone.
const answerWithinMs = 5_000;

const readinessSql = `
SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS "isWritable",
       NOT session_ledger.clock_is_behind() AS "clockHolds", settled_at AS "settledAt",
       greatest(extract(epoch FROM clock_timestamp() - settled_at), 0)::float8 AS "horizonLagSeconds"
  FROM session_ledger.horizon`;

/**
 * Asks the database what a load balancer needs to know.
 *
 * @throws SessionLedgerError `ERR_LEDGER_UNAVAILABLE` when it does not answer.
 */
export async function readReadiness(writer: DataSource): Promise<Readiness | undefined> {
  const statement = { name: 'readiness', text: readinessSql, values: [], answerWithinMs };
  return (await explainedRows<Readiness>(writer, statement))[0];
}
