import { rangeHash, splitPoint, type HashReader, type LeafRange } from './hash-reader.js';
import { HASH_BYTES, merkleRoot, nodeHash } from './merkle.js';

/**
 * The hashes beside an unbroken range of leaves: with them and the leaves, anyone computes the root. What an inclusion proof says of
 * one leaf, this says of all of a range, and so that none between them was left out.
 *
 * @param range the leaves, not empty, within the tree
 * @param size the tree's number of leaves
 * @param readHash the reader of the tree's complete subtrees
 * @returns 32-byte hashes of the largest subtrees outside the range, from left to right
 * @example
 * const proof = await rangeProof({ start: 256, end: 512 }, size, readHash);
 */
export async function rangeProof(range: LeafRange, size: number, readHash: HashReader): Promise<Uint8Array[]> {
  const beside: LeafRange[] = [];
  const visit = (node: LeafRange): void => {
    if (isOutside(node, range)) beside.push(node);
    else if (!isInside(node, range)) halvesOf(node).forEach(visit);
  };
  visit({ start: 0, end: size });
  return Promise.all(beside.map((node) => rangeHash(node, readHash)));
}

/**
 * Computes the root that a range and its proof lead to.
 *
 * @param size out of the checkpoint that the root is compared with: the two are signed together
 * @param hashes the range's leaf hashes, in one row
 * @returns 32 bytes; undefined when range, size, row and proof do not fit each other
 * @example
 * if (!rangeRoot(range, size, leafHashes(leaves), proof)?.equals(root)) throw new Error('not this range of this log');
 */
export function rangeRoot(
  range: LeafRange,
  size: number,
  hashes: Uint8Array,
  proof: readonly Uint8Array[],
): Buffer | undefined {
  const { start, end } = range;
  if (![start, end, size].every(Number.isSafeInteger) || start < 0 || start >= end || end > size) return undefined;
  if (hashes.length !== (end - start) * HASH_BYTES || proof.some((hash) => hash.length !== HASH_BYTES))
    return undefined;
  const beside = [...proof];
  const hashOf = (node: LeafRange): Uint8Array | undefined => {
    if (isOutside(node, range)) return beside.shift();
    if (isInside(node, range)) {
      return merkleRoot(hashes.subarray((node.start - start) * HASH_BYTES, (node.end - start) * HASH_BYTES));
    }
    const [left, right] = halvesOf(node).map(hashOf);
    return left && right && nodeHash(left, right);
  };
  const root = hashOf({ start: 0, end: size });
  return root === undefined || beside.length > 0 ? undefined : Buffer.from(root);
}

function isOutside(node: LeafRange, range: LeafRange): boolean {
  return node.end <= range.start || node.start >= range.end;
}

function isInside(node: LeafRange, range: LeafRange): boolean {
  return node.start >= range.start && node.end <= range.end;
}

function halvesOf({ start, end }: LeafRange): LeafRange[] {
  const middle = start + splitPoint(end - start);
  return [
    { start, end: middle },
    { start: middle, end },
  ];
}
