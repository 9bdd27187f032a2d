import { queryRows, type Executor } from '../ledger/named-query.js';
import type { SealRun } from './tree-store.js';

/**
 * Splits a stretch of sealed events into runs without gaps.
 *
 * @param seqs in rising order.
 * @param leafFirst the leaf that the first of them is.
 * @example
 * runsOf([7, 8, 11], 100); // 7 to 8 from leaf 100, 11 to 11 from leaf 102
 */
export function runsOf(seqs: readonly number[], leafFirst: number): SealRun[] {
  const runs: SealRun[] = [];
  let start = 0;
  for (let end = 1; end <= seqs.length; end += 1) {
    if (end < seqs.length && seqs[end] === seqs[end - 1]! + 1) continue;
    runs.push({ seqFirst: seqs[start]!, seqLast: seqs[end - 1]!, leafFirst: leafFirst + start });
    start = end;
  }
  return runs;
}

const runsOfLeavesSql = `
SELECT seq_first AS "seqFirst", seq_last AS "seqLast", leaf_first AS "leafFirst"
  FROM session_ledger.seal_run
 WHERE leaf_first < $2
   AND leaf_first >= coalesce((SELECT max(leaf_first) FROM session_ledger.seal_run WHERE leaf_first <= $1), 0)
 ORDER BY leaf_first`;

/** The runs that hold the leaves `first` to `end`, the last one excluded. */
export async function runsOfLeaves(executor: Executor, first: number, end: number): Promise<SealRun[]> {
  return queryRows<SealRun>(executor, { name: 'runs_of_leaves', text: runsOfLeavesSql, values: [first, end] });
}

const runOfSeqSql = `
SELECT seq_first AS "seqFirst", seq_last AS "seqLast", leaf_first AS "leafFirst"
  FROM session_ledger.seal_run WHERE seq_first <= $1 ORDER BY seq_first DESC LIMIT 1`;

/**
 * Which leaf an event is.
 *
 * @returns the index of the leaf from 0 on; undefined while the event is not sealed.
 * @example
 * const index = await leafOfSeq(reader, 1_234);
 */
export async function leafOfSeq(executor: Executor, seq: number): Promise<number | undefined> {
  const [run] = await queryRows<SealRun>(executor, { name: 'run_of_seq', text: runOfSeqSql, values: [seq] });
  return run === undefined || seq > run.seqLast ? undefined : run.leafFirst + seq - run.seqFirst;
}

/** Which event a leaf is, by the runs around it; undefined when none of them holds it. */
export function seqOfLeaf(leaf: number, runs: readonly SealRun[]): number | undefined {
  const run = runs.findLast(({ leafFirst }) => leafFirst <= leaf);
  if (run === undefined) return undefined;
  const seq = run.seqFirst + leaf - run.leafFirst;
  return seq > run.seqLast ? undefined : seq;
}
