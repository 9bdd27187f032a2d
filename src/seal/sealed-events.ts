import { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { printedColumns, readPrintedColumns, type PrintedColumns } from '../ledger/read-event-columns.js';
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

/*
 * An event is looked up in the partition of its time: by `seq` alone, PostgreSQL looks into the BRIN index of every month, 0.05 ms for
 * each half a million events in it. When it was recorded follows from when it was sealed, as long as the sealer keeps up; where that
 * finds nothing, all months are looked into.
 */
const sealedEventsSql = `
SELECT asked.seq AS "seqAsked", run.leaf AS index, found.*
  FROM unnest((SELECT $1::bigint[])) AS asked(seq)
 CROSS JOIN LATERAL (
       SELECT s.leaf_first + asked.seq - s.seq_first AS leaf, s.seq_last FROM session_ledger.seal_run s
        WHERE s.seq_first <= asked.seq ORDER BY s.seq_first DESC LIMIT 1) run
 CROSS JOIN LATERAL (
       SELECT h.sealed_at, h.prev_size FROM session_ledger.tree_head h WHERE h.size > run.leaf ORDER BY h.size LIMIT 1) head
  LEFT JOIN session_ledger.tree_head before ON before.size = head.prev_size
  LEFT JOIN LATERAL (
       SELECT ${printedColumns} FROM session_ledger.event e
        WHERE e.seq = asked.seq AND e.recorded_at <= head.sealed_at + interval '1 minute'
          AND e.recorded_at >= coalesce(before.sealed_at, head.sealed_at) - interval '1 hour' LIMIT 2) found ON true
 WHERE asked.seq <= run.seq_last`;

type Row = PrintedColumns & { seqAsked: number; index: number };

/** What was found of events, before they are proven. */
export interface RowsFound {
  readonly seqs: readonly number[];
  readonly rows: ReadonlyMap<number, readonly Row[]>;
}

/** Looks sealed events up, in any number. */
export async function findSealedEvents(executor: Executor, seqs: readonly number[]): Promise<RowsFound> {
  const rows = new Map<number, Row[]>(seqs.map((seq) => [seq, []]));
  if (seqs.length === 0) return { seqs, rows };
  const statement = { name: 'sealed_events', text: sealedEventsSql, values: [seqs] };
  for (const row of await queryRows<Row>(executor, statement)) rows.get(row.seqAsked)!.push(row);
  return { seqs, rows };
}

/**
 * Makes leaves of what was found, each with its proof.
 *
 * @param size of the tree to prove them in
 * @returns in the order asked for
 * @throws SessionLedgerError `ERR_NOT_FOUND` for an event that the tree does not hold, `ERR_EVIDENCE_REJECTED` for one whose row is
 *   not what was sealed.
 * @example
 * const [event] = await proveEvents(reader, await findSealedEvents(reader, [1_234]), published.size);
 */
export async function proveEvents(executor: Executor, { seqs, rows }: RowsFound, size: number): Promise<SealedEvent[]> {
  const readHash = tileHashReader(size, storedTiles(executor));
  return Promise.all(
    seqs.map(async (seq) => {
      const [first, ...others] = rows.get(seq) ?? [];
      if (first === undefined || first.index >= size) {
        throw new SessionLedgerError('ERR_NOT_FOUND', `no event ${seq} is sealed yet; new events are within seconds`, {
          field: 'seq',
        });
      }
      const { index } = first;
      const found = first.seq === null ? await readPrintedColumns(executor, seq, seq) : [first, ...others];
      const leaf = leafOfRow(seq, found);
      const [sealed, hashes] = await Promise.all([readHash(0, index), inclusionProof(index, size, readHash)]);
      if (leafHash(leaf).equals(sealed)) return { seq, index, leaf, hashes };
      throw new SessionLedgerError(
        'ERR_EVIDENCE_REJECTED',
        `the row of event ${seq} is not what was sealed: it was changed since`,
      );
    }),
  );
}
