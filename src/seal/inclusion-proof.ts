import { SessionLedgerError } from '../errors.js';
import { rangeHash, splitPoint, type HashReader, type LeafRange } from './hash-reader.js';
import { HASH_BYTES, nodeHash } from './merkle.js';

/** What an inclusion proof claims: that `leafHash` is leaf `index` of the tree with `size` leaves and this `root`. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  /** 32 bytes: SHA-256(0x00 || leaf). */
  readonly leafHash: Uint8Array;
  /** The audit path, the leaf's sibling first, each 32 bytes. */
  readonly proof: readonly Uint8Array[];
  /** 32 bytes, out of a checkpoint whose signature was verified. */
  readonly root: Uint8Array;
}

/**
 * Makes the audit path of one leaf: PATH(m, D[n]) of RFC 6962, 2.1.1.
 *
 * @param index the leaf, `0 <= index < size`
 * @param size the tree's number of leaves
 * @param readHash the reader of the tree's complete subtrees
 * @returns 32-byte hashes, the leaf's sibling first, the root's child last; empty for a tree of one
 * @throws SessionLedgerError `ERR_INVALID_INPUT` when the leaf is not in the tree
 * @example
 * const proof = await inclusionProof(5, 8, readHash); // three hashes
 */
export async function inclusionProof(index: number, size: number, readHash: HashReader): Promise<Uint8Array[]> {
  if (!isLeafOf(index, size)) {
    throw new SessionLedgerError('ERR_INVALID_INPUT', `leaf ${index} is not in a tree of ${size}`, { field: 'index' });
  }
  const siblings: LeafRange[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const split = start + splitPoint(end - start);
    if (index < split) {
      siblings.push({ start: split, end });
      end = split;
    } else {
      siblings.push({ start, end: split });
      start = split;
    }
  }
  return Promise.all(siblings.toReversed().map((range) => rangeHash(range, readHash)));
}

/**
 * Checks an inclusion proof by the steps of RFC 9162, 2.1.3.2.
 *
 * @param claim leaf, place, tree and proof; see `InclusionClaim`
 * @returns whether the proof binds the leaf to the root; `false` for anything malformed, never a throw
 * @example
 * if (!verifyInclusion({ index, size, leafHash: leafHash(leaf), proof, root })) throw new Error('not in the log');
 */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { index, size, leafHash, proof, root } = claim;
  if (!isLeafOf(index, size)) return false;
  if (![leafHash, root, ...proof].every((hash) => hash.length === HASH_BYTES)) return false;
  let node = index;
  let lastNode = size - 1;
  let reached = leafHash;
  for (const sibling of proof) {
    if (lastNode === 0) return false;
    if (node % 2 === 1 || node === lastNode) {
      reached = nodeHash(sibling, reached);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        lastNode = Math.floor(lastNode / 2);
      }
    } else {
      reached = nodeHash(reached, sibling);
    }
    // Division, not `>>`: shifts cut numbers to 32 bits, and a ledger outgrows 4 billion events.
    node = Math.floor(node / 2);
    lastNode = Math.floor(lastNode / 2);
  }
  return lastNode === 0 && Buffer.compare(reached, root) === 0;
}

function isLeafOf(index: number, size: number): boolean {
  return Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size;
}
