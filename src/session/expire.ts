import { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { inLedgerTerms } from './ledger-terms.js';

/** What one batch of the expiry did. */
export interface ExpiryBatch {
  /** Sessions looked at; as many as the batch may hold means that more may be due. */
  readonly examined: number;
  /** Sessions that got their `expired` event; the others had been used and were put off to their new deadline. */
  readonly expired: number;
}

/** Sessions per statement: 36,000 a second at 1,000 (two busy cores, 100,000 due), 25,000 at 200, and no more at 5,000, which lock more rows. */
export const expiryBatchSize = 1_000;

/*
 * `due` locks without ever waiting, so its order cannot deadlock with the (bucket, session_id) order of everybody who
 * waits; taken in the order of sweep_at, LIMIT stops at the oldest, and a second job at the same time passes over them
 * and takes the next thousand. The lock re-checks the row: what another job has just ended or put off is passed over.
 *
 * One clock reading per row, after its lock, in a CTE of its own: a select list under LockRows is evaluated before it.
 */
const expireSql = `
WITH clock AS MATERIALIZED (
  SELECT session_ledger.clock_floor() AS floor, session_ledger.clock_is_behind() AS behind
), due AS MATERIALIZED (
  SELECT s.bucket, s.session_id, s.last_used_at, s.expires_at, s.absolute_expires_at, s.event_count
    FROM session_ledger.session s
   WHERE s.ended_at IS NULL AND s.sweep_at <= (SELECT session_ledger.ledger_clock()) AND NOT (SELECT behind FROM clock)
   ORDER BY s.sweep_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
), clocked AS MATERIALIZED (
  SELECT d.*, greatest(clock_timestamp(), d.last_used_at, (SELECT floor FROM clock)) AS at,
         CASE WHEN d.expires_at = d.absolute_expires_at THEN 'absolute' ELSE 'idle' END AS reason
    FROM due d
), ended AS (
  UPDATE session_ledger.session s SET ended_at = c.expires_at, end_reason = c.reason, event_count = c.event_count + 1
    FROM clocked c WHERE c.at >= c.expires_at AND s.bucket = c.bucket AND s.session_id = c.session_id
), recorded AS (
  INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, reason, recorded_by)
  SELECT 'expired', c.bucket, c.session_id, c.event_count + 1, c.expires_at, c.reason,
         (SELECT w.recorder_id FROM session_ledger.recorder w WHERE w.name = $2)
    FROM clocked c
   WHERE c.at >= c.expires_at ORDER BY c.expires_at, c.session_id
), put_off AS (
  UPDATE session_ledger.session s SET sweep_at = c.expires_at
    FROM clocked c WHERE c.at < c.expires_at AND s.bucket = c.bucket AND s.session_id = c.session_id
)
SELECT (SELECT behind FROM clock) AS behind, count(*) AS examined, count(*) FILTER (WHERE c.at >= c.expires_at) AS expired
  FROM clocked c`;

/**
 * Expires sessions whose deadline has passed: one `expired` event each, dated at the deadline, however late it is
 * written. Answers do not need it (a session is not live after its deadline anyway); it frees the indexes of live
 * sessions and tells the reason. Any number of instances may run it at once.
 *
 * @param recordedBy who records; on record already (`recorderId`).
 * @param limit sessions at most.
 * @throws SessionLedgerError ERR_CLOCK_BEHIND: nothing expires by a clock that stepped back.
 * @example
 * const { expired } = await expireDue(writer, 'web-1');
 */
export async function expireDue(executor: Executor, recordedBy: string, limit = expiryBatchSize): Promise<ExpiryBatch> {
  const statement = { name: 'session_ledger_expire_v1', text: expireSql, values: [limit, recordedBy] };
  const [row] = await inLedgerTerms(() => queryRows<ExpiryBatch & { behind: boolean }>(executor, statement));
  if (row === undefined) throw new SessionLedgerError('ERR_INTERNAL', 'the expiry answered no row');
  if (row.behind) {
    throw new SessionLedgerError('ERR_CLOCK_BEHIND', 'the database clock stepped back; no session expires by it', {
      retryAfterSeconds: 5,
    });
  }
  return { examined: row.examined, expired: row.expired };
}
