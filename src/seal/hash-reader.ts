import { nodeHash } from './merkle.js';

/**
 * Reads the hash of one complete subtree: the one over the `2 ** level` leaves that start at leaf `index * 2 ** level`.
 * Level 0 holds the leaf hashes. Resolves to 32 bytes; rejects when the subtree is not complete or not stored.
 */
export type HashReader = (level: number, index: number) => Promise<Uint8Array>;

/** Leaves `start` (inclusive) to `end` (exclusive) of a tree, as RFC 6962's recursive splits yield them. */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The split point k of RFC 6962, 2.1: the largest power of two smaller than `count`.
 *
 * @param count leaves, at least 2
 * @returns a power of two, `count / 2 <= k < count`
 * @example
 * splitPoint(7); // 4
 */
export function splitPoint(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

/**
 * The Merkle tree hash of a range, from the fewest stored hashes: its complete subtrees, folded from the right.
 * The reads start together, so that a reader over the network fetches its tiles in parallel.
 *
 * @param range a non-empty range whose start is a multiple of the smallest power of two not below its length
 * @param readHash the reader of complete subtrees
 * @returns 32 bytes
 * @example
 * await rangeHash({ start: 0, end: size }, readHash); // the tree's root
 */
export async function rangeHash(range: LeafRange, readHash: HashReader): Promise<Uint8Array> {
  const reads: Promise<Uint8Array>[] = [];
  let start = range.start;
  while (start < range.end) {
    let level = 0;
    while (start + 2 ** (level + 1) <= range.end) level += 1;
    reads.push(readHash(level, start / 2 ** level));
    start += 2 ** level;
  }
  const hashes = await Promise.all(reads);
  return hashes.reduceRight((right, left) => nodeHash(left, right));
}
