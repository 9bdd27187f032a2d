import type { Client } from 'pg';
import { SessionLedgerError } from '../errors.js';
import { canonicalEvent, type EventColumns } from '../ledger/canonical-event.js';
import { queryRows } from '../ledger/named-query.js';
import { readEventRows } from '../ledger/read-event-rows.js';
import type { GrowingTree } from './growing-tree.js';
import { MAX_LEAF_BYTES, textLeafHashes } from './merkle.js';
import type { RecentLeaves } from './recent-leaves.js';
import { completeUpTo } from './seal-fence.js';
import { runsOf } from './seal-runs.js';
import { storeGrowth, type Growth, type TreeHead } from './tree-store.js';

/** A tree with the head that was committed of it. */
export interface SealedTree {
  readonly tree: GrowingTree;
  head: TreeHead;
  readonly recent: RecentLeaves;
  /** Up to which `seq` the ledger's index on it is known to be up to date. */
  indexedTo?: number;
}

/** Few enough that what is made of them dies young: of 8,192 at a time, collecting garbage took a third of the time. */
const eventsPerSeal = 2_048;
const eventsPerIndexing = 32_768;

/**
 * Makes leaves of all that is complete, and commits the tree's head after each stretch. The next stretch is asked for before this one
 * is hashed, so that the database reads while this process computes; its answer is taken before this one is stored, because a
 * connection does one thing at a time.
 *
 * @param committed told of each head.
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` for an event that no leaf can hold; what stands before it is sealed.
 */
export async function sealWhatIsComplete(
  client: Client,
  sealed: SealedTree,
  stopping: AbortSignal,
  committed: () => void,
): Promise<void> {
  const complete = await completeUpTo(client, sealed.head.lastSeq, stopping);
  if (complete - (sealed.indexedTo ?? 0) >= eventsPerIndexing) {
    await summarizeSeqIndex(client);
    sealed.indexedTo = complete;
  }
  const read = (after: number): Promise<Read> => {
    const last = Math.min(after + eventsPerSeal, complete);
    return after < complete && !stopping.aborted ? stretch(client, after + 1, last) : Promise.resolve({ rows: [] });
  };
  let after = sealed.head.lastSeq;
  let rows = rowsOf(await read(after));
  while (after < complete) {
    after += eventsPerSeal;
    const reading = read(after);
    const { growth, leaves, unsealable } = grown(sealed, rows);
    const next = await reading;
    if (growth !== undefined) {
      await storeGrowth(client, growth);
      sealed.recent.add(sealed.head.size, leaves);
      sealed.head = growth.head;
      committed();
    }
    if (unsealable !== undefined) throw unsealable;
    rows = rowsOf(next);
  }
}

const summarizeSeqIndexSql = `
SELECT session_ledger.summarize_event_seq() AS summarized`;

/**
 * Has the index on `seq` take in what it has not taken in yet. Autovacuum would do it within a minute; until then every stretch is found
 * by reading all that is newer than the last time (measured: 400,000 events sealed at a fifth of the rate).
 */
async function summarizeSeqIndex(client: Client): Promise<void> {
  await queryRows(client, { name: 'summarize_event_seq', text: summarizeSeqIndexSql, values: [] });
}

/** How a read ended, as a value: it is under way while something else may fail, and a rejection that nobody awaits ends the process. */
type Read = { readonly rows: EventColumns[] } | { readonly failure: unknown };

async function stretch(client: Client, first: number, last: number): Promise<Read> {
  try {
    return { rows: await readEventRows(client, first, last) };
  } catch (failure) {
    // A timestamp that no instant of the ledger can be.
    return {
      failure: failure instanceof RangeError ? noLeaf(`one of the events ${first} to ${last}`, failure) : failure,
    };
  }
}

function rowsOf(read: Read): EventColumns[] {
  if ('failure' in read) throw read.failure;
  return read.rows;
}

function grown(
  { tree, head }: SealedTree,
  rows: readonly EventColumns[],
): { growth?: Growth; leaves: string[]; unsealable: SessionLedgerError | undefined } {
  const { leaves, unsealable } = leavesOf(rows);
  if (leaves.length === 0) return { leaves, unsealable };
  const seqs = rows.slice(0, leaves.length).map(({ seq }) => Number(seq));
  const tiles = tree.append(textLeafHashes(leaves));
  const growth = {
    previousSize: head.size,
    head: { size: tree.size, root: tree.root(), lastSeq: seqs.at(-1)! },
    tiles,
    runs: runsOf(seqs, head.size),
  };
  return { growth, leaves, unsealable };
}

/** The leaves of rows, up to the first row that can be none. */
function leavesOf(rows: readonly EventColumns[]): { leaves: string[]; unsealable: SessionLedgerError | undefined } {
  const leaves: string[] = [];
  try {
    for (const row of rows) {
      const leaf = canonicalEvent(row);
      if (leaf.length * 3 > MAX_LEAF_BYTES && Buffer.byteLength(leaf) > MAX_LEAF_BYTES)
        throw new RangeError(`it has ${Buffer.byteLength(leaf)} bytes`);
      leaves.push(leaf);
    }
    return { leaves, unsealable: undefined };
  } catch (cause) {
    return { leaves, unsealable: noLeaf(`event ${rows[leaves.length]!.seq}`, cause) };
  }
}

function noLeaf(which: string, cause: unknown): SessionLedgerError {
  return new SessionLedgerError(
    'ERR_EVIDENCE_MALFORMED',
    `${which} can be no leaf of the tree, so neither it nor anything behind it is sealed: ${(cause as Error).message}`,
    { cause },
  );
}
