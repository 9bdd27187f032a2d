import { SessionLedgerError } from '../errors.js';
import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { printedColumns, readPrintedColumns, type PrintedColumns } from '../ledger/read-event-columns.js';
import { withinYears } from '../ledger/within-years.js';
import { inclusionProof } from './inclusion-proof.js';
import { leafHash } from './merkle.js';
import { leafOfRow } from './sealed-leaves.js';
import { tileHashReader } from './tile-hashes.js';
import { storedTiles } from './tree-store.js';

/** An event of the tree, and what binds it to a root. */
export interface SealedEvent {
  readonly seq: number;
  /** Of its leaf, from 0 on. */
  readonly index: number;
  readonly leaf: Buffer;
  /** The audit path, 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
}

/** Which leaf an event is, and when its row was recorded if its sealer kept up. */
interface LeafOfEvent {
  readonly seq: number;
  readonly index: number;
  readonly recordedFrom: Instant;
  readonly recordedTo: Instant;
}

const leavesOfEventsSql = `
SELECT asked.seq, run.leaf AS index, ${withinYears(`coalesce(before.sealed_at, head.sealed_at) - interval '1 hour'`)} AS "recordedFrom",
       ${withinYears(`head.sealed_at + interval '1 minute'`)} AS "recordedTo"
  FROM unnest((SELECT $1::bigint[])) AS asked(seq)
 CROSS JOIN LATERAL (
       SELECT s.leaf_first + asked.seq - s.seq_first AS leaf, s.seq_last FROM session_ledger.seal_run s
        WHERE s.seq_first <= asked.seq ORDER BY s.seq_first DESC LIMIT 1) run
 CROSS JOIN LATERAL (
       SELECT h.sealed_at, h.prev_size FROM session_ledger.tree_head h WHERE h.size > run.leaf ORDER BY h.size LIMIT 1) head
  LEFT JOIN session_ledger.tree_head before ON before.size = head.prev_size
 WHERE asked.seq <= run.seq_last`;

/** Which leaves events are; those that no seal holds are left out. */
export async function leavesOfEvents(executor: Executor, seqs: readonly number[]): Promise<readonly LeafOfEvent[]> {
  if (seqs.length === 0) return [];
  return queryRows<LeafOfEvent>(executor, { name: 'leaves_of_events', text: leavesOfEventsSql, values: [seqs] });
}

/*
 * An event is looked up in the partition of its time: by `seq` alone, PostgreSQL looks into the BRIN index of every month, 0.05 ms for
 * each half a million events in it. $4 and $5 hold for all of them, and leave months out before the statement begins.
 */
const rowsOfEventsSql = `
SELECT asked.seq AS "seqAsked", found.*
  FROM unnest((SELECT $1::bigint[]), (SELECT $2::timestamptz[]), (SELECT $3::timestamptz[])) AS asked(seq, recorded_from, recorded_to)
 CROSS JOIN LATERAL (
       SELECT ${printedColumns} FROM session_ledger.event e
        WHERE e.seq = asked.seq AND e.recorded_at >= asked.recorded_from AND e.recorded_at <= asked.recorded_to
          AND e.recorded_at >= $4 AND e.recorded_at <= $5 LIMIT 2) found`;

/** The rows of events by their `seq`, of which there should be one each. */
async function rowsOfEvents(
  executor: Executor,
  leaves: readonly LeafOfEvent[],
): Promise<ReadonlyMap<number, PrintedColumns[]>> {
  const rows = new Map<number, PrintedColumns[]>(leaves.map(({ seq }) => [seq, []]));
  if (leaves.length === 0) return rows;
  const from = leaves.map(({ recordedFrom }) => recordedFrom);
  const to = leaves.map(({ recordedTo }) => recordedTo);
  const values = [[...rows.keys()], from, to, from.toSorted()[0], to.toSorted().at(-1)];
  const statement = { name: 'rows_of_events', text: rowsOfEventsSql, values };
  for (const { seqAsked, ...row } of await queryRows<PrintedColumns & { seqAsked: number }>(executor, statement)) {
    rows.get(seqAsked)!.push(row);
  }
  return rows;
}

/**
 * Proves events, each with its leaf made of its row.
 *
 * @param seqs of the events, each once
 * @param leaves what `leavesOfEvents` said of them
 * @param size of the tree to prove them in
 * @returns in the order asked for
 * @throws SessionLedgerError `ERR_NOT_FOUND` for an event that the tree does not hold, `ERR_EVIDENCE_REJECTED` for one whose row is
 *   not what was sealed.
 * @example
 * const [event] = await proveEvents(reader, [1_234], await leavesOfEvents(reader, [1_234]), published.size);
 */
export async function proveEvents(
  executor: Executor,
  seqs: readonly number[],
  leaves: readonly LeafOfEvent[],
  size: number,
): Promise<SealedEvent[]> {
  const indexes = new Map(leaves.map(({ seq, index }) => [seq, index]));
  for (const seq of seqs) if ((indexes.get(seq) ?? size) >= size) throw notSealedYet(seq);
  const readHash = tileHashReader(size, storedTiles(executor));
  const allRows = rowsOfEvents(executor, leaves);
  return Promise.all(
    seqs.map(async (seq) => {
      const index = indexes.get(seq)!;
      // Side by side: the path is read and hashed while PostgreSQL looks for the row.
      const path = Promise.all([readHash(0, index), inclusionProof(index, size, readHash)]);
      const [rows, [sealed, hashes]] = await Promise.all([allRows, path]);
      const found = rows.get(seq)!;
      // Nothing in the months of its seal: the sealer was behind.
      const leaf = leafOfRow(seq, found.length > 0 ? found : await readPrintedColumns(executor, seq, seq));
      if (leafHash(leaf).equals(sealed)) return { seq, index, leaf, hashes };
      throw new SessionLedgerError(
        'ERR_EVIDENCE_REJECTED',
        `the row of event ${seq} is not what was sealed: it was changed since`,
      );
    }),
  );
}

function notSealedYet(seq: number): SessionLedgerError {
  const message = `no event ${seq} is sealed yet; new events are within seconds`;
  return new SessionLedgerError('ERR_NOT_FOUND', message, { field: 'seq' });
}
