import { SessionLedgerError } from '../errors.js';
import { canonicalEvent } from '../ledger/canonical-event.js';
import type { Executor } from '../ledger/named-query.js';
import { fromPrinted, readPrintedColumns, type PrintedColumns } from '../ledger/read-event-columns.js';
import { MAX_LEAF_BYTES } from './merkle.js';
import { runsOfLeaves, seqOfLeaf } from './seal-runs.js';

/**
 * Reads sealed events back as leaves, out of their rows.
 *
 * @param first index of the first leaf.
 * @param end index behind the last leaf.
 * @returns the leaves' bytes in order. Whether they are what was sealed is for their hashes to say.
 * @throws SessionLedgerError `ERR_EVIDENCE_REJECTED` when an event that was sealed is missing, there twice, or not to be read, naming
 *   its `seq`.
 * @example
 * const leaves = await sealedLeaves(reader, 0, 256);
 */
export async function sealedLeaves(executor: Executor, first: number, end: number): Promise<Buffer[]> {
  const runs = await runsOfLeaves(executor, first, end);
  const [seqFirst, seqLast] = [seqOfLeaf(first, runs), seqOfLeaf(end - 1, runs)];
  if (seqFirst === undefined || seqLast === undefined) {
    throw new SessionLedgerError(
      'ERR_EVIDENCE_REJECTED',
      `no seal says which events are the leaves ${first} to ${end}`,
    );
  }
  const rows = new Map<number, PrintedColumns[]>();
  for (const row of await readPrintedColumns(executor, seqFirst, seqLast)) {
    const seq = Number(row.seq);
    const same = rows.get(seq);
    if (same === undefined) rows.set(seq, [row]);
    else same.push(row);
  }
  return Array.from({ length: end - first }, (_, place) => {
    const seq = seqOfLeaf(first + place, runs)!;
    return leafOfRow(seq, rows.get(seq) ?? []);
  });
}

/**
 * The leaf of an event, out of its row.
 *
 * @param rows those that were found under its `seq`, of which there must be one
 * @throws SessionLedgerError `ERR_EVIDENCE_REJECTED` when there is none, more than one, or no leaf can be made of it.
 */
export function leafOfRow(seq: number, [row, second]: readonly PrintedColumns[]): Buffer {
  if (row === undefined) throw rejected(`event ${seq} was sealed and is no longer in the ledger`);
  if (second !== undefined) throw rejected(`event ${seq} stands in the ledger more than once`);
  let leaf: Buffer;
  try {
    leaf = Buffer.from(canonicalEvent(fromPrinted(row)));
  } catch (cause) {
    throw rejected(`event ${seq} holds what no event does: it was changed`, cause);
  }
  if (leaf.length > MAX_LEAF_BYTES) throw rejected(`event ${seq} is larger than any event may be: it was changed`);
  return leaf;
}

function rejected(why: string, cause?: unknown): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_REJECTED', why, { cause });
}
