import { queryRows, type Executor } from '../ledger/named-query.js';

// LATERAL with a LIMIT keeps the planner at one lookup per event: there is a run for each seal.
const lateRowsSql = `
SELECT e.seq::text AS seq
  FROM session_ledger.event e
  LEFT JOIN LATERAL (
       SELECT r.seq_last FROM session_ledger.seal_run r WHERE r.seq_first <= e.seq ORDER BY r.seq_first DESC LIMIT 1) r ON true
 WHERE e.seq BETWEEN $1 AND $2 AND (r.seq_last IS NULL OR e.seq > r.seq_last)
 ORDER BY e.seq
 LIMIT 100`;

/**
 * Events in a stretch that was sealed which are no leaf of the tree, and never will be: leaves are in the order of `seq`.
 *
 * @param last not above the `lastSeq` of a head that was committed before this is asked.
 * @returns their `seq`, the lowest first, at most 100.
 */
export async function lateRows(executor: Executor, first: number, last: number): Promise<string[]> {
  const statement = { name: 'late_rows', text: lateRowsSql, values: [first, last] };
  return (await queryRows<{ seq: string }>(executor, statement)).map(({ seq }) => seq);
}

/** What there is to say of one. */
export function lateRowSentence(seq: string): string {
  return (
    `event ${seq} stands among sealed events and was never sealed: it was inserted afterwards by somebody who owns the tables, or its ` +
    'transaction was not waited for'
  );
}
