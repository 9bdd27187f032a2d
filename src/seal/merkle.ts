import { hash } from 'node:crypto';
import { SessionLedgerError } from '../errors.js';

/** Bytes in one SHA-256 hash; a row of `n` hashes is one buffer of `n * HASH_BYTES` bytes. */
export const HASH_BYTES = 32;

/** The longest leaf, in bytes, that an entry bundle can carry behind its uint16 length (C2SP tlog-tiles). */
export const MAX_LEAF_BYTES = 65_535;

// One scratch area for each prefix spares an allocation per hash. Hashing is synchronous, so no two calls overlap.
const leafInput = Buffer.alloc(1 + MAX_LEAF_BYTES);
const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES);
leafInput[0] = 0x00;
/** The beginnings of the scratch area, by their length: to make one for each leaf took a tenth of its hashing. */
const leafInputs: (Buffer | undefined)[] = [];
const longestInputKept = 4_096;
nodeInput[0] = 0x01;

// A binary string copied into place: `crypto.hash` into a new Buffer was measured at less than half the rate.
const sha256 = (input: Uint8Array): string => hash('sha256', input, 'binary');

/**
 * The root of a tree without leaves: SHA-256 of the empty string (RFC 6962, 2.1).
 *
 * @returns 32 bytes, a fresh buffer
 */
export function emptyRoot(): Buffer {
  return Buffer.from(sha256(Buffer.alloc(0)), 'binary');
}

/**
 * Hashes one leaf: SHA-256(0x00 || leaf) (RFC 6962, 2.1).
 *
 * @param leaf the leaf's bytes, at most `MAX_LEAF_BYTES`
 * @returns 32 bytes
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for a longer leaf, which no entry bundle could carry
 * @example
 * leafHash(Buffer.from('L123456')).toString('hex'); // '395aa064aa4c29f7…'
 */
export function leafHash(leaf: Uint8Array): Buffer {
  return Buffer.from(leafDigest(leaf), 'binary');
}

/**
 * Hashes leaves in bulk into one row of hashes, for `GrowingTree.append` and `merkleRoot`.
 *
 * @param leaves the leaves' bytes in order, each at most `MAX_LEAF_BYTES`
 * @returns `leaves.length * 32` bytes
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for a leaf that is too long
 * @example
 * merkleRoot(leafHashes([first, second]));
 */
export function leafHashes(leaves: readonly Uint8Array[]): Buffer {
  const row = Buffer.allocUnsafe(leaves.length * HASH_BYTES);
  let offset = 0;
  for (const leaf of leaves) {
    row.write(leafDigest(leaf), offset, HASH_BYTES, 'latin1');
    offset += HASH_BYTES;
  }
  return row;
}

/**
 * The same as `leafHashes`, of leaves that are still text: a buffer for each of them, made to be hashed once, was most of what sealing
 * left to the garbage collector.
 *
 * @param leaves in order, each at most `MAX_LEAF_BYTES` in UTF-8
 * @returns `leaves.length * 32` bytes
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for a leaf that is too long
 * @example
 * merkleRoot(textLeafHashes(['first', 'second']));
 */
export function textLeafHashes(leaves: readonly string[]): Buffer {
  const row = Buffer.allocUnsafe(leaves.length * HASH_BYTES);
  let offset = 0;
  for (const leaf of leaves) {
    refuseLongLeaf(leaf.length * 3 <= MAX_LEAF_BYTES ? leaf.length : Buffer.byteLength(leaf));
    const length = leafInput.write(leaf, 1, 'utf8');
    row.write(sha256(leafInput.subarray(0, 1 + length)), offset, 'binary');
    offset += HASH_BYTES;
  }
  return row;
}

/**
 * Hashes two neighbours into their parent: SHA-256(0x01 || left || right) (RFC 6962, 2.1).
 *
 * @param left 32 bytes
 * @param right 32 bytes
 * @returns 32 bytes
 * @throws SessionLedgerError `ERR_INVALID_INPUT` when either is not one hash
 * @example
 * nodeHash(leafHash(first), leafHash(second)); // the root of a tree of two
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) {
    throw new SessionLedgerError('ERR_INVALID_INPUT', `a node has two children of ${HASH_BYTES} bytes each`);
  }
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return Buffer.from(sha256(nodeInput), 'binary');
}

/**
 * The Merkle tree hash of a row of hashes: MTH of RFC 6962, 2.1, above the leaf level.
 * Pairing row by row and carrying an odd last hash up unchanged yields the same tree as splitting at the largest power of two.
 *
 * @param hashes leaf hashes (or any level's hashes of equal height), a whole number of 32-byte hashes
 * @returns 32 bytes; `emptyRoot()` for an empty row
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for a length that is no whole number of hashes
 * @example
 * merkleRoot(leafHashes(leaves));
 */
export function merkleRoot(hashes: Uint8Array): Buffer {
  let count = hashes.length / HASH_BYTES;
  if (!Number.isInteger(count)) {
    throw new SessionLedgerError('ERR_INVALID_INPUT', `a row of hashes is a multiple of ${HASH_BYTES} bytes long`);
  }
  if (count === 0) return emptyRoot();
  const row = Buffer.from(hashes);
  while (count > 1) count = hashPairsInPlace(row, count);
  return Buffer.from(row.subarray(0, HASH_BYTES));
}

function hashPairsInPlace(row: Buffer, count: number): number {
  const pairs = Math.floor(count / 2);
  for (let pair = 0; pair < pairs; pair += 1) {
    const children = pair * 2 * HASH_BYTES;
    row.copy(nodeInput, 1, children, children + 2 * HASH_BYTES);
    row.write(sha256(nodeInput), pair * HASH_BYTES, HASH_BYTES, 'latin1');
  }
  if (count % 2 === 0) return pairs;
  row.copyWithin(pairs * HASH_BYTES, (count - 1) * HASH_BYTES, count * HASH_BYTES);
  return pairs + 1;
}

function leafDigest(leaf: Uint8Array): string {
  refuseLongLeaf(leaf.length);
  leafInput.set(leaf, 1);
  return sha256(inputOf(1 + leaf.length));
}

function inputOf(length: number): Buffer {
  if (length > longestInputKept) return leafInput.subarray(0, length);
  return (leafInputs[length] ??= leafInput.subarray(0, length));
}

function refuseLongLeaf(bytes: number): void {
  if (bytes <= MAX_LEAF_BYTES) return;
  throw new SessionLedgerError(
    'ERR_INVALID_INPUT',
    `a leaf of ${bytes} bytes exceeds the ${MAX_LEAF_BYTES} bytes that an entry bundle can carry`,
  );
}
