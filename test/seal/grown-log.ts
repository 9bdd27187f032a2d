import { GrowingTree } from '../../src/seal/growing-tree.js';
import type { HashReader } from '../../src/seal/hash-reader.js';
import { HASH_BYTES, leafHashes, nodeHash } from '../../src/seal/merkle.js';
import { tilePath, type TileCoordinates } from '../../src/seal/tile.js';

/** A log in memory: its leaves' hashes, every tile it ever stored by path, and the tree that goes on growing. */
export interface GrownLog {
  readonly hashes: Buffer;
  readonly tiles: Map<string, Buffer>;
  readonly tree: GrowingTree;
}

export function leavesNamed(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => Buffer.from(`event ${index}`));
}

export function grownLog(count: number, batch: number): GrownLog {
  const hashes = leafHashes(leavesNamed(count));
  const tiles = new Map<string, Buffer>();
  const tree = GrowingTree.empty();
  for (let start = 0; start < count; start += batch) {
    const end = Math.min(count, start + batch);
    for (const tile of tree.append(hashes.subarray(start * HASH_BYTES, end * HASH_BYTES))) {
      tiles.set(tilePath(tile), tile.hashes);
    }
  }
  return { hashes, tiles, tree };
}

export function storedTile(tiles: Map<string, Buffer>): (tile: TileCoordinates) => Promise<Buffer> {
  return (tile) => {
    const content = tiles.get(tilePath(tile));
    return content === undefined
      ? Promise.reject(new Error(`${tilePath(tile)} is not stored`))
      : Promise.resolve(content);
  };
}

/** Subtree hashes by RFC 6962's own recursion over the leaf hashes: the slow way, to check the fast ones against. */
export function recursiveReader(hashes: Buffer): HashReader {
  return (level, index) => Promise.resolve(treeHash(hashes, index * 2 ** level, (index + 1) * 2 ** level));
}

/** MTH(D[start:end]) as RFC 6962, 2.1 writes it. */
export function treeHash(hashes: Buffer, start: number, end: number): Buffer {
  if (end - start === 1) return hashes.subarray(start * HASH_BYTES, end * HASH_BYTES);
  let split = 1;
  while (split * 2 < end - start) split *= 2;
  return nodeHash(treeHash(hashes, start, start + split), treeHash(hashes, start + split, end));
}
