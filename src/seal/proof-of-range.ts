import { SessionLedgerError } from '../errors.js';
import { addMicroseconds, type Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { PublishedCheckpoint } from './checkpoint-published.js';
import { rangeProof } from './range-proof.js';
import { leafOfSeq } from './seal-runs.js';
import { sealedLeaves } from './sealed-leaves.js';
import { tileHashReader } from './tile-hashes.js';
import { storedTiles } from './tree-store.js';
import type { ProvenRange } from './verify-evidence-file.js';
import { slackAfter, slackBefore } from './verify-range.js';

/** A file with more leaves is no longer handed around; the published directory holds the same. */
export const mostLeaves = 100_000;

/*
 * Two events can show that nothing of the instant comes behind them: one that says how far the ledger is settled, and an opening long
 * enough after it. Openings have an index by time, other events have none that finds the first one after an instant.
 */
const settledBySql = `
SELECT min(found.seq) AS seq FROM (
  (SELECT e.seq FROM session_ledger.event e
    WHERE e.session_id IS NULL AND e.kind = 'horizon_reached' AND e.recorded_at >= $1::timestamptz
      AND (e.detail ->> 'settledAt') COLLATE "C" >= $3
    ORDER BY e.seq LIMIT 1)
  UNION ALL
  (SELECT e.seq FROM session_ledger.event e
    WHERE e.kind IN ('created', 'renewed') AND e.occurred_at > $2::timestamptz + interval '1 minute' AND e.recorded_at > $2::timestamptz
    ORDER BY e.occurred_at LIMIT 1)) found`;

/**
 * The leaf that shows that all that happened by the instant stands in front of it. Where there is none, because nothing was recorded
 * since, an event that says so is recorded for the next one who asks.
 *
 * @returns its index; undefined while it is not recorded, or not sealed
 */
export async function leafThatSettles(
  executor: Executor,
  at: Instant,
  { lastSeq }: PublishedCheckpoint,
  recorder: string,
): Promise<number | undefined> {
  const statement = { name: 'settled_by', text: settledBySql, values: [at, addMicroseconds(at, slackAfter), at] };
  const [found] = await queryRows<{ seq: number | null }>(executor, statement);
  const seq = found?.seq ?? null;
  if (seq === null) await recordHorizon(executor, at, recorder);
  return seq === null || seq > lastSeq ? undefined : leafOfSeq(executor, seq);
}

const recordHorizonSql = `
SELECT session_ledger.record_horizon($1, $2) AS seq`;

async function recordHorizon(executor: Executor, at: Instant, recorder: string): Promise<void> {
  await queryRows(executor, { name: 'record_horizon', text: recordHorizonSql, values: [at, recorder] });
}

// Looked for in the month of its seal first, as in sealed-events.ts.
const recordedAtOfLeafSql = `
SELECT coalesce(
         (SELECT e.recorded_at FROM session_ledger.event e
           WHERE e.seq = run.seq AND e.recorded_at <= head.sealed_at + interval '1 minute'
             AND e.recorded_at >= coalesce(before.sealed_at, head.sealed_at) - interval '1 hour' LIMIT 1),
         (SELECT e.recorded_at FROM session_ledger.event e WHERE e.seq = run.seq LIMIT 1)) AS "recordedAt"
  FROM (SELECT s.seq_first + $1 - s.leaf_first AS seq FROM session_ledger.seal_run s
         WHERE s.leaf_first <= $1 ORDER BY s.leaf_first DESC LIMIT 1) run
 CROSS JOIN LATERAL (
       SELECT h.sealed_at, h.prev_size FROM session_ledger.tree_head h WHERE h.size > $1 ORDER BY h.size LIMIT 1) head
  LEFT JOIN session_ledger.tree_head before ON before.size = head.prev_size`;

async function recordedAtOfLeaf(executor: Executor, leaf: number): Promise<Instant> {
  const statement = { name: 'recorded_at_of_leaf', text: recordedAtOfLeafSql, values: [leaf] };
  const [found] = await queryRows<{ recordedAt: Instant | null }>(executor, statement);
  if (found?.recordedAt != null) return found.recordedAt;
  throw new SessionLedgerError('ERR_EVIDENCE_REJECTED', `the event of leaf ${leaf} is no longer in the ledger`);
}

/**
 * The leaf behind which every event that happened after an instant stands. Leaves stand nearly in the order in which they were recorded,
 * so halving finds one in 26 steps among 50 million; to read all events of that time for the first of them took as long as they are many.
 *
 * @param end leaves to look at: those in front of it
 * @returns its index; 0 where there is none
 */
export async function leafInFrontOf(executor: Executor, since: Instant, end: number): Promise<number> {
  const bound = addMicroseconds(since, -slackBefore);
  let [front, behind] = [0, end];
  while (behind - front > 1) {
    const middle = Math.floor((front + behind) / 2);
    if ((await recordedAtOfLeaf(executor, middle)) < bound) front = middle;
    else behind = middle;
  }
  return front;
}

/**
 * Reads a range of leaves, with what makes it an unbroken part of the tree.
 *
 * @throws SessionLedgerError `ERR_REPORT_TOO_LARGE` for one that is too long for a file
 */
export async function provenRange(
  executor: Executor,
  { start, end }: { start: number; end: number },
  { size }: PublishedCheckpoint,
): Promise<ProvenRange> {
  if (end - start > mostLeaves) {
    throw new SessionLedgerError(
      'ERR_REPORT_TOO_LARGE',
      `this answer is shown by ${end - start} events, more than the ${mostLeaves} that one file takes; hand over the published ledger (docs/auditor.md)`,
    );
  }
  const leaves = await sealedLeaves(executor, start, end);
  const proof = await rangeProof({ start, end }, size, tileHashReader(size, storedTiles(executor)));
  return {
    first: start,
    leaves: leaves.map((leaf) => leaf.toString()),
    proof: proof.map((hash) => Buffer.from(hash).toString('base64')),
  };
}
