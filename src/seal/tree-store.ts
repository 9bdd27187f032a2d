import type { ClientBase } from 'pg';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { HASH_BYTES } from './merkle.js';
import type { Tile } from './growing-tree.js';
import type { TileFetch } from './tile-hashes.js';
import { tileWidth } from './tile.js';

/** The tree after a seal. */
export interface TreeHead {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
  /** `seq` of the last leaf's event. */
  readonly lastSeq: number;
}

/** Events `seqFirst` to `seqLast`, none missing between them, are the leaves from `leafFirst` on. */
export interface SealRun {
  readonly seqFirst: number;
  readonly seqLast: number;
  readonly leafFirst: number;
}

/** What the tree has grown by in one seal. */
export interface Growth {
  readonly previousSize: number;
  readonly head: TreeHead;
  /** What `GrowingTree.append` gave. */
  readonly tiles: readonly Tile[];
  readonly runs: readonly SealRun[];
}

/** The tree before the first seal; its root is asked for nowhere. */
export const noHead: TreeHead = { size: 0, root: Buffer.alloc(0), lastSeq: 0 };

const newestHeadSql = `
SELECT size, root, last_seq AS "lastSeq" FROM session_ledger.tree_head ORDER BY size DESC LIMIT 1`;

/** The newest head that was committed; `noHead` before the first. */
export async function newestHead(executor: Executor): Promise<TreeHead> {
  const rows = await queryRows<TreeHead>(executor, { name: 'newest_tree_head', text: newestHeadSql, values: [] });
  return rows[0] ?? noHead;
}

const storedTilesSql = `
SELECT asked.position, t.hashes
  FROM unnest($1::smallint[], $2::bigint[]) WITH ORDINALITY AS asked(level, n, position)
  JOIN session_ledger.tile t ON t.level = asked.level AND t.n = asked.n
 ORDER BY asked.position, t.width`;

interface TileAsked {
  readonly level: number;
  readonly index: number;
  readonly resolve: (hashes: Buffer) => void;
  readonly reject: (failure: unknown) => void;
}

/**
 * A reader of stored tiles. It answers with all the hashes a tile has by now, which may be more than asked for. Tiles that are asked for
 * together, as for one proof, come by one statement.
 *
 * @example
 * const readHash = tileHashReader(size, storedTiles(reader));
 */
export function storedTiles(executor: Executor): TileFetch {
  let asked: TileAsked[] = [];
  return ({ level, index }) =>
    new Promise<Buffer>((resolve, reject) => {
      asked.push({ level, index, resolve, reject });
      if (asked.length > 1) return;
      queueMicrotask(() => {
        const together = asked;
        asked = [];
        void answerTiles(executor, together);
      });
    });
}

/** Never throws: whoever asked is told. */
async function answerTiles(executor: Executor, asked: readonly TileAsked[]): Promise<void> {
  try {
    const values = [asked.map(({ level }) => level), asked.map(({ index }) => index)];
    const statement = { name: 'stored_tiles', text: storedTilesSql, values };
    const parts = asked.map((): Buffer[] => []);
    const rows = await queryRows<{ position: number; hashes: Buffer }>(executor, statement);
    for (const { position, hashes } of rows) parts[position - 1]!.push(hashes);
    asked.forEach(({ resolve }, place) => resolve(Buffer.concat(parts[place]!)));
  } catch (failure) {
    for (const { reject } of asked) reject(failure);
  }
}

// One statement, so one transaction: no head without its tiles, no leaf without its event.
const storeGrowthSql = `
WITH head AS (
  INSERT INTO session_ledger.tree_head (size, prev_size, root, last_seq) VALUES ($1, $2, $3, $4)),
runs AS (
  INSERT INTO session_ledger.seal_run (seq_first, seq_last, leaf_first)
  SELECT * FROM unnest($5::bigint[], $6::bigint[], $7::bigint[]))
INSERT INTO session_ledger.tile (level, n, width, hashes)
SELECT * FROM unnest($8::smallint[], $9::bigint[], $10::smallint[], $11::bytea[])`;

/**
 * Commits what the tree has grown by. When this returns, the events under the head are durable too: the log of the
 * database is one line, and they stand before it.
 *
 * @throws what pg throws; `23505` when another sealer has built on the same head.
 */
export async function storeGrowth(client: ClientBase, growth: Growth): Promise<void> {
  const { previousSize, head, tiles, runs } = growth;
  const newHashes = tiles.map(({ level, index, hashes }) =>
    hashes.subarray(tileWidth(level, index, previousSize) * HASH_BYTES),
  );
  await queryRows(client, {
    name: 'store_growth',
    text: storeGrowthSql,
    values: [
      head.size,
      previousSize,
      head.root,
      head.lastSeq,
      runs.map(({ seqFirst }) => seqFirst),
      runs.map(({ seqLast }) => seqLast),
      runs.map(({ leafFirst }) => leafFirst),
      tiles.map(({ level }) => level),
      tiles.map(({ index }) => index),
      tiles.map(({ width }) => width),
      newHashes,
    ],
  });
}
