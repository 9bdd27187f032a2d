import { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { inLedgerTerms } from './ledger-terms.js';

// As a scraper's patience: scrapes that wait for a server that is gone must not take all connections.
const answerWithinMs = 5_000;

const expiryLagSql = `
SELECT coalesce(greatest(extract(epoch FROM session_ledger.ledger_clock() - min(s.sweep_at)), 0), 0)::float8 AS seconds
  FROM session_ledger.session s WHERE s.ended_at IS NULL`;

/**
 * How many seconds the expiry is behind: the age of the oldest session that is due to be looked at; 0 when none is.
 * For a metric: a lag that grows means that no instance expires sessions. Answers stay right all the same.
 *
 * @example
 * await expiryLagSeconds(writer); // 0.4
 */
export async function expiryLagSeconds(executor: Executor): Promise<number> {
  const statement = { name: 'session_ledger_expiry_lag_v1', text: expiryLagSql, values: [], answerWithinMs };
  const [row] = await inLedgerTerms(() => queryRows<{ seconds: number }>(executor, statement));
  if (row === undefined) throw new SessionLedgerError('ERR_INTERNAL', 'the expiry lag answered no row');
  return row.seconds;
}
