import { SessionLedgerError } from '../errors.js';
import { HASH_BYTES, emptyRoot, merkleRoot, nodeHash } from './merkle.js';
import { TILE_WIDTH, tileWidth, type TileCoordinates } from './tile.js';
import type { TileFetch } from './tile-hashes.js';

/** A tile of hashes with its content, `width * 32` bytes. */
export interface Tile extends TileCoordinates {
  readonly hashes: Buffer;
}

/** The unfinished tile at the right edge of one tile level. */
interface Edge {
  index: number;
  width: number;
  readonly hashes: Buffer;
}

/**
 * The right edge of a Merkle tree that grows by appending: at most one unfinished tile for each tile level, so memory stays at
 * 8 KB for each factor of 256 in size. It yields the tiles to store (C2SP tlog-tiles) and the root to sign (RFC 6962).
 *
 * @example
 * const tree = await GrowingTree.resume(size, readTile);
 * const tiles = tree.append(leafHashes(leaves)); // store these, then sign:
 * const checkpoint = { origin, size: tree.size, root: tree.root(), extensions: [] };
 */
export class GrowingTree {
  private constructor(
    private leafCount: number,
    private readonly edges: Edge[],
  ) {}

  /** A tree without leaves. */
  static empty(): GrowingTree {
    return new GrowingTree(0, []);
  }

  /**
   * Takes up a stored tree where it ended. Compare `root()` with the last signed checkpoint before appending.
   *
   * @param size the stored tree's number of leaves
   * @param fetchTile reads a stored tile; asked for one partial tile in each level that has one
   * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` when a stored tile is narrower than the size demands
   */
  static async resume(size: number, fetchTile: TileFetch): Promise<GrowingTree> {
    const edges: Edge[] = [];
    for (let level = 0; TILE_WIDTH ** level <= size; level += 1) {
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      const width = tileWidth(level, index, size);
      const edge = emptyEdge(index);
      if (width > 0) {
        const stored = await fetchTile({ level, index, width });
        if (stored.length < width * HASH_BYTES) {
          throw new SessionLedgerError(
            'ERR_EVIDENCE_MALFORMED',
            `the stored tile ${level}/${index} has fewer than ${width} hashes`,
          );
        }
        edge.hashes.set(stored.subarray(0, width * HASH_BYTES));
        edge.width = width;
      }
      edges.push(edge);
    }
    return new GrowingTree(size, edges);
  }

  /** The number of leaves. */
  get size(): number {
    return this.leafCount;
  }

  /**
   * Appends leaves.
   *
   * @param leafHashes a row of leaf hashes, a whole number of 32-byte hashes
   * @returns every tile that is new or wider than before: those filled, and the partial ones at the new right edge
   * @throws SessionLedgerError `ERR_INVALID_INPUT` for a row that is no whole number of hashes
   */
  append(leafHashes: Uint8Array): Tile[] {
    if (leafHashes.length % HASH_BYTES !== 0) {
      throw new SessionLedgerError('ERR_INVALID_INPUT', `a row of hashes is a multiple of ${HASH_BYTES} bytes long`);
    }
    const filled: Tile[] = [];
    const hashesBefore = this.edges.map((edge) => edge.index * TILE_WIDTH + edge.width);
    this.leafCount += leafHashes.length / HASH_BYTES;
    this.extend(0, leafHashes, filled);
    const partial = this.edges.flatMap((edge, level) => {
      const grown = edge.index * TILE_WIDTH + edge.width > (hashesBefore[level] ?? 0);
      return grown && edge.width > 0 ? [tileOf(level, edge)] : [];
    });
    return [...filled, ...partial];
  }

  /** The root over all leaves, 32 bytes: MTH of RFC 6962, 2.1. */
  root(): Buffer {
    let root: Buffer | undefined;
    for (const edge of this.edges) {
      for (const subtree of perfectSubtreesFromTheRight(edge)) {
        root = root === undefined ? subtree : nodeHash(subtree, root);
      }
    }
    return root ?? emptyRoot();
  }

  private extend(level: number, hashes: Uint8Array, filled: Tile[]): void {
    const edge = (this.edges[level] ??= emptyEdge(0));
    for (let offset = 0; offset < hashes.length;) {
      const taken = Math.min(hashes.length - offset, (TILE_WIDTH - edge.width) * HASH_BYTES);
      edge.hashes.set(hashes.subarray(offset, offset + taken), edge.width * HASH_BYTES);
      edge.width += taken / HASH_BYTES;
      offset += taken;
      if (edge.width < TILE_WIDTH) continue;
      const tile = tileOf(level, edge);
      filled.push(tile);
      edge.index += 1;
      edge.width = 0;
      this.extend(level + 1, merkleRoot(tile.hashes), filled);
    }
  }
}

function emptyEdge(index: number): Edge {
  return { index, width: 0, hashes: Buffer.alloc(TILE_WIDTH * HASH_BYTES) };
}

function tileOf(level: number, edge: Edge): Tile {
  const hashes = Buffer.from(edge.hashes.subarray(0, edge.width * HASH_BYTES));
  return { level, index: edge.index, width: edge.width, hashes };
}

function* perfectSubtreesFromTheRight(edge: Edge): Generator<Buffer> {
  let end = edge.width;
  for (let span = 1; span <= edge.width; span *= 2) {
    if (Math.floor(edge.width / span) % 2 === 0) continue;
    yield merkleRoot(edge.hashes.subarray((end - span) * HASH_BYTES, end * HASH_BYTES));
    end -= span;
  }
}
