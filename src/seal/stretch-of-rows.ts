import { canonicalEvent } from '../ledger/canonical-event.js';
import type { Executor } from '../ledger/named-query.js';
import { fromPrinted, readPrintedColumns, type PrintedColumns } from '../ledger/read-event-columns.js';
import { MAX_LEAF_BYTES } from './merkle.js';
import { runsOfLeaves, seqOfLeaf } from './seal-runs.js';
import { unreadableLeaf } from './verifier.js';

/** The leaves `first` to `end` of a sealed ledger, as its rows are now. */
export interface StretchOfRows {
  /** Undefined where the row is missing, `unreadableLeaf` where it holds what no event does. */
  readonly leaves: readonly (Uint8Array | undefined)[];
  /** What no leaf shows: an unreadable row, a row that stands twice. By the place of the leaf in the stretch. */
  readonly oddities: readonly { readonly place: number; readonly sentence: string }[];
  /** Rows among the sealed ones, from behind the leaf before on, which are no leaf. */
  readonly late: readonly { readonly place: number; readonly seq: string }[];
}

/**
 * Reads the rows of the leaves `first` to `end`, the last one excluded, and all that stands between them.
 *
 * @example
 * const { leaves, late } = await stretchOfRows(reader, 0, 4_096);
 */
export async function stretchOfRows(executor: Executor, first: number, end: number): Promise<StretchOfRows> {
  const runs = await runsOfLeaves(executor, Math.max(first - 1, 0), end);
  const seqs = Array.from({ length: end - first }, (_, place) => seqOfLeaf(first + place, runs));
  const known = seqs.filter((seq) => seq !== undefined);
  const seqLast = known.at(-1);
  if (known[0] === undefined || seqLast === undefined)
    return { leaves: Array<undefined>(seqs.length).fill(undefined), oddities: [], late: [] };
  const before = first === 0 ? 0 : (seqOfLeaf(first - 1, runs) ?? known[0] - 1);
  return placed(seqs, await readPrintedColumns(executor, before + 1, seqLast));
}

function placed(seqs: readonly (number | undefined)[], rows: readonly PrintedColumns[]): StretchOfRows {
  const places = new Map(seqs.map((seq, place) => [seq, place]));
  const leaves = Array<Uint8Array | undefined>(seqs.length).fill(undefined);
  const oddities: StretchOfRows['oddities'][number][] = [];
  const late: StretchOfRows['late'][number][] = [];
  for (const row of rows) {
    const place = places.get(Number(row.seq));
    if (place === undefined) {
      late.push({ place: placeBehind(seqs, Number(row.seq)), seq: row.seq! });
    } else if (leaves[place] !== undefined) {
      const sentence = `event ${row.seq} stands in the ledger more than once: it was inserted a second time`;
      oddities.push({ place, sentence });
    } else {
      const leaf = leafOf(row);
      leaves[place] = leaf instanceof Uint8Array ? leaf : unreadableLeaf;
      if (!(leaf instanceof Uint8Array)) oddities.push({ place, sentence: leaf.sentence });
    }
  }
  return { leaves, oddities, late };
}

function placeBehind(seqs: readonly (number | undefined)[], seq: number): number {
  const behind = seqs.findIndex((other) => other !== undefined && other > seq);
  return behind < 0 ? seqs.length : behind;
}

/** No leaf can be made of a row that holds what no event does: an infinite time, a detail beyond the size of a leaf. */
function leafOf(row: PrintedColumns): Uint8Array | { sentence: string } {
  try {
    const leaf = Buffer.from(canonicalEvent(fromPrinted(row)));
    if (leaf.length <= MAX_LEAF_BYTES) return leaf;
    return { sentence: `event ${row.seq} takes ${leaf.length} bytes, more than any event may: it was changed` };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { sentence: `event ${row.seq} holds what no event does (${why}): it was changed` };
  }
}
