import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import type { Instant } from '../ledger/instant.js';
import { explainedRows } from './explained-query.js';

/** A time of which the ledger cannot say what happened, and why. */
export interface Gap {
  /** Left out: from where the clock stood when it stepped back, or now. */
  readonly from?: Instant | undefined;
  /** Left out: until now. */
  readonly to?: Instant | undefined;
  /** A code such as `clock_step`, `outage`, `restored`. */
  readonly cause: string;
  readonly detail: Readonly<Record<string, string>>;
  /** End every live session as `restored`: its revocation may be among what was lost. */
  readonly revokeLive: boolean;
}

/** What was recorded. */
export interface RecordedGap {
  /** Of the gap's event. */
  readonly seq: number;
  /** Sessions that were ended with it. */
  readonly revoked: number;
}

// The gap first: whoever reads the ledger in its order is to learn why before they learn what.
const recordGapSql = `
WITH gap AS MATERIALIZED (SELECT session_ledger.record_gap($1, $2, $3, $4, $5) AS seq)
SELECT seq, CASE WHEN $6::boolean THEN session_ledger.revoke_live($5) ELSE 0 END AS revoked FROM gap`;

/**
 * Records a gap: from then on, "not logged in" within it is `unknown`. It also lets recording go on after the
 * database's clock stepped back.
 *
 * @throws SessionLedgerError `ERR_RANGE_REVERSED` when it ends before it begins, `ERR_INVALID_INPUT` for a cause that is no code.
 */
export async function recordGap(writer: DataSource, gap: Gap, recordedBy: number): Promise<RecordedGap> {
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(gap.cause))
    throw new SessionLedgerError('ERR_INVALID_INPUT', 'the cause must be a code such as outage or clock_step', {
      field: 'cause',
    });
  if (gap.from !== undefined && gap.to !== undefined && gap.from >= gap.to)
    throw new SessionLedgerError('ERR_RANGE_REVERSED', 'a gap must begin before it ends', { field: 'from' });
  const values = [gap.from ?? null, gap.to ?? null, gap.cause, gap.detail, recordedBy, gap.revokeLive];
  const [recorded] = await explainedRows<RecordedGap>(writer, { name: 'gap_recorded', text: recordGapSql, values });
  if (recorded === undefined) throw new SessionLedgerError('ERR_INTERNAL', 'record_gap answered no row');
  return recorded;
}
