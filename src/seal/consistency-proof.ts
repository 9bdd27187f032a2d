import { SessionLedgerError } from '../errors.js';
import { rangeHash, splitPoint, type HashReader, type LeafRange } from './hash-reader.js';
import { HASH_BYTES, nodeHash } from './merkle.js';

/** What a consistency proof claims: that the tree of `oldSize` leaves is a prefix of the tree of `newSize` leaves. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly newSize: number;
  /** 32 bytes. */
  readonly oldRoot: Uint8Array;
  /** 32 bytes. */
  readonly newRoot: Uint8Array;
  /** 32-byte hashes in the order of RFC 6962, 2.1.2; empty for equal sizes. */
  readonly proof: readonly Uint8Array[];
}

/**
 * Makes the proof that a tree grew only at its end: PROOF(m, D[n]) of RFC 6962, 2.1.2.
 *
 * @param oldSize leaves of the earlier tree, `0 < oldSize <= newSize`; the empty tree is a prefix of every tree and has no proof
 * @param newSize leaves of the later tree
 * @param readHash the reader of the later tree's complete subtrees
 * @returns 32-byte hashes; empty for equal sizes
 * @throws SessionLedgerError `ERR_INVALID_INPUT` when the sizes are not in that order
 * @example
 * const proof = await consistencyProof(3, 7, readHash); // four hashes
 */
export async function consistencyProof(oldSize: number, newSize: number, readHash: HashReader): Promise<Uint8Array[]> {
  if (!areGrowing(oldSize, newSize)) {
    throw new SessionLedgerError('ERR_INVALID_INPUT', `no consistency proof leads from size ${oldSize} to ${newSize}`);
  }
  const ranges: LeafRange[] = [];
  let start = 0;
  let end = newSize;
  while (end !== oldSize) {
    const split = start + splitPoint(end - start);
    if (oldSize <= split) {
      ranges.push({ start: split, end });
      end = split;
    } else {
      ranges.push({ start, end: split });
      start = split;
    }
  }
  // Only when the earlier tree is itself a complete left subtree does the verifier know this hash: its own old root.
  if (start !== 0) ranges.push({ start, end });
  return Promise.all(ranges.toReversed().map((range) => rangeHash(range, readHash)));
}

/**
 * Checks a consistency proof by the steps of RFC 9162, 2.1.4.2.
 *
 * @param claim both trees and the proof; see `ConsistencyClaim`
 * @returns whether the earlier tree is a prefix of the later one; `false` for an earlier tree of size 0, which a proof cannot
 *   speak about, and for anything malformed; never a throw
 * @example
 * if (!verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof })) throw new Error('the log was rewritten');
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  if (!areGrowing(oldSize, newSize)) return false;
  if (oldSize === newSize) return proof.length === 0 && Buffer.compare(oldRoot, newRoot) === 0;
  if (![oldRoot, newRoot, ...proof].every((hash) => hash.length === HASH_BYTES)) return false;

  const [seed, ...rest] = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  if (seed === undefined) return false;
  let node = oldSize - 1;
  let lastNode = newSize - 1;
  while (node % 2 === 1) {
    node = Math.floor(node / 2);
    lastNode = Math.floor(lastNode / 2);
  }
  let oldReached = seed;
  let newReached = seed;
  for (const hash of rest) {
    if (lastNode === 0) return false;
    if (node % 2 === 1 || node === lastNode) {
      oldReached = nodeHash(hash, oldReached);
      newReached = nodeHash(hash, newReached);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        lastNode = Math.floor(lastNode / 2);
      }
    } else {
      newReached = nodeHash(newReached, hash);
    }
    // Division, not `>>`: shifts cut numbers to 32 bits, and a ledger outgrows 4 billion events.
    node = Math.floor(node / 2);
    lastNode = Math.floor(lastNode / 2);
  }
  return lastNode === 0 && Buffer.compare(oldReached, oldRoot) === 0 && Buffer.compare(newReached, newRoot) === 0;
}

function areGrowing(oldSize: number, newSize: number): boolean {
  return Number.isSafeInteger(oldSize) && Number.isSafeInteger(newSize) && oldSize > 0 && oldSize <= newSize;
}

function isPowerOfTwo(size: number): boolean {
  return size === 1 || splitPoint(size) * 2 === size;
}
