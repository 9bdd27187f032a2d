import { queryRows, type Executor } from '../ledger/named-query.js';
import { SessionLedgerError } from '../errors.js';
import { publishedCheckpoint, type PublishedCheckpoint } from './checkpoint-published.js';
import { lateRowSentence } from './late-rows.js';
import { rowsAgainstCommitments } from './live-commitments.js';
import { oddRows } from './live-odd-rows.js';
import { stretchOfRows } from './stretch-of-rows.js';
import { storedTiles } from './tree-store.js';
import type { LeafStretch, ListedCheckpoint, LogUnderTest, Oddity } from './verifier.js';

const leavesPerRead = 8_192;
const checkpointsPerRead = 1_000;

/**
 * The log of a running ledger: leaves out of its rows as they are now, tiles and checkpoints as it stored them. Beside them, what is known
 * of users and clients is held against the commitments to them, which a published log has not.
 *
 * @throws SessionLedgerError `ERR_NOT_FOUND` when nothing is sealed yet.
 * @example
 * await verifyLog(await liveLog(reader), { keys: [vkey] });
 */
export async function liveLog(executor: Executor): Promise<LogUnderTest> {
  const published = await publishedCheckpoint(executor);
  if (published === undefined) throw new SessionLedgerError('ERR_NOT_FOUND', 'nothing is sealed in this ledger yet');
  return {
    checkpoint: published.note,
    published: () => publishedCheckpoints(executor),
    leaves: (size) => leavesOf(executor, size),
    tile: storedTiles(executor),
    oddities: () => odditiesBesideLeaves(executor, published),
  };
}

// Origins may share a size: a new one begins with the tree that the old one ended with.
const publishedCheckpointsSql = `
SELECT p.size, p.origin, p.note, encode(h.root, 'base64') AS "rootHash", h.last_seq AS "lastSeq",
       (SELECT r.seq_first + p.size - 1 - r.leaf_first FROM session_ledger.seal_run r
         WHERE r.leaf_first < p.size ORDER BY r.leaf_first DESC LIMIT 1) AS "seqOfLastLeaf"
  FROM session_ledger.published_checkpoint p
  LEFT JOIN session_ledger.tree_head h USING (size)
 WHERE (p.size, p.origin) > ($1, $2)
 ORDER BY p.size, p.origin LIMIT $3`;

interface PublishedRow {
  size: number;
  origin: string;
  note: string;
  rootHash: string | null;
  lastSeq: number | null;
  seqOfLastLeaf: number | null;
}

async function* publishedCheckpoints(executor: Executor): AsyncIterable<ListedCheckpoint> {
  for (let [size, origin] = [0, '']; ;) {
    const values = [size, origin, checkpointsPerRead];
    const statement = { name: 'published_checkpoints', text: publishedCheckpointsSql, values };
    const rows = await queryRows<PublishedRow>(executor, statement);
    for (const row of rows) yield { note: row.note, oddities: odditiesOfHead(row) };
    const last = rows.at(-1);
    if (last === undefined || rows.length < checkpointsPerRead) return;
    ({ size, origin } = last);
  }
}

/** Answers quote the head that the database keeps, so it has to be the one that was signed. */
function odditiesOfHead({ size, note, rootHash, lastSeq, seqOfLastLeaf }: PublishedRow): Oddity[] {
  const isSigned = rootHash === note.split('\n')[2] && note.split('\n')[1] === String(size);
  if (isSigned && lastSeq === seqOfLastLeaf) return [];
  const what = isSigned
    ? `names event ${lastSeq} as its last, and that is event ${seqOfLastLeaf}`
    : 'is not the one that was signed';
  return [{ leaf: size - 1, sentence: `the head over ${size} events that the database keeps ${what}` }];
}

async function* leavesOf(executor: Executor, size: number): AsyncIterable<LeafStretch> {
  for (let first = 0; first < size; first += leavesPerRead) {
    const { leaves, oddities, late } = await stretchOfRows(executor, first, Math.min(first + leavesPerRead, size));
    const lateOddities = late.map(({ place, seq }) => ({ leaf: first + place, sentence: lateRowSentence(seq) }));
    const odd = oddities.map(({ place, sentence }) => ({ leaf: first + place, sentence }));
    yield { leaves, oddities: [...odd, ...lateOddities] };
  }
}

async function* odditiesBesideLeaves(executor: Executor, published: PublishedCheckpoint): AsyncIterable<Oddity> {
  yield* oddRows(executor, published);
  for await (const { faults } of rowsAgainstCommitments(executor))
    yield* faults.map((sentence) => ({ leaf: published.size, sentence }));
}
