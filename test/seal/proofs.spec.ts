import * as fc from 'fast-check';
import { consistencyProof, verifyConsistency } from '../../src/seal/consistency-proof.js';
import { inclusionProof, verifyInclusion } from '../../src/seal/inclusion-proof.js';
import type { HashReader } from '../../src/seal/hash-reader.js';
import { HASH_BYTES, leafHash, merkleRoot, nodeHash } from '../../src/seal/merkle.js';
import { tileHashReader } from '../../src/seal/tile-hashes.js';
import { grownLog, recursiveReader, storedTile } from './grown-log.js';

const LARGEST = 300;
const log = grownLog(LARGEST, 1);
const roots = Array.from({ length: LARGEST + 1 }, (_, size) => merkleRoot(log.hashes.subarray(0, size * HASH_BYTES)));
const rootOf = (size: number): Buffer => roots[size] ?? Buffer.alloc(0);
const leafHashOf = (index: number): Buffer => log.hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);

function withBitFlipped(hash: Uint8Array, bit: number): Buffer {
  const flipped = Buffer.from(hash);
  flipped[Math.floor(bit / 8)] = (flipped[Math.floor(bit / 8)] ?? 0) ^ (1 << (bit % 8));
  return flipped;
}

function remembering(read: HashReader): HashReader {
  const known = new Map<string, Promise<Uint8Array>>();
  return (level, index) => {
    const hash = known.get(`${level}/${index}`) ?? read(level, index);
    known.set(`${level}/${index}`, hash);
    return hash;
  };
}

const readHash = remembering(recursiveReader(log.hashes));
const sizes = fc.integer({ min: 1, max: LARGEST });
const bits = fc.integer({ min: 0, max: 255 });

describe('inclusion proofs', () => {
  it('bind every leaf of every tree of 1 to 300 leaves to its root', async () => {
    let verified = 0;
    for (let size = 1; size <= LARGEST; size += 1) {
      const root = rootOf(size);
      for (let index = 0; index < size; index += 1) {
        const proof = await inclusionProof(index, size, readHash);
        verified += Number(verifyInclusion({ index, size, leafHash: leafHashOf(index), proof, root }));
      }
    }
    expect(verified).toBe((LARGEST * (LARGEST + 1)) / 2);
  });

  it('are the same over stored tiles as over the recursive definition', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (size, number) => {
        const index = number % size;
        const overTiles = await inclusionProof(index, size, tileHashReader(size, storedTile(log.tiles)));
        expect(overTiles).toEqual(await inclusionProof(index, size, readHash));
      }),
    );
  });

  it('fail when any one bit of leaf, proof or root is flipped, or another place is claimed', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), bits, async (size, number, place, bit) => {
        const index = number % size;
        const proof = await inclusionProof(index, size, readHash);
        const claim = { index, size, leafHash: leafHashOf(index), proof, root: rootOf(size) };
        const flippedAt = place % Math.max(1, proof.length);
        expect(verifyInclusion({ ...claim, leafHash: withBitFlipped(claim.leafHash, bit) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: withBitFlipped(claim.root, bit) })).toBe(false);
        const bent = proof.map((hash, at) => (at === flippedAt ? withBitFlipped(hash, bit) : hash));
        expect(verifyInclusion({ ...claim, proof: bent })).toBe(proof.length === 0);
        const otherIndex = place % size;
        expect(verifyInclusion({ ...claim, index: otherIndex })).toBe(otherIndex === index);
        expect(verifyInclusion({ ...claim, proof: [...proof, claim.root] })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: proof.slice(0, -1) })).toBe(proof.length === 0);
      }),
      { numRuns: 300 },
    );
  });

  it('read each complete subtree as one stored hash', async () => {
    const reads: string[] = [];
    const counted: HashReader = (level, index) => {
      reads.push(`${level}/${index}`);
      return readHash(level, index);
    };
    await inclusionProof(0, 11, counted);
    expect(reads.toSorted()).toEqual(['0/1', '0/10', '1/1', '1/4', '2/1']);
  });

  it('are refused for a leaf that is not in the tree', async () => {
    for (const [index, size] of [
      [0, 0],
      [3, 3],
      [-1, 3],
      [0.5, 3],
      [0, Number.NaN],
    ] as const) {
      await expect(inclusionProof(index, size, readHash)).rejects.toMatchObject({
        code: 'ERR_INVALID_INPUT',
      });
    }
  });
});

describe('consistency proofs', () => {
  it('lead from every tree to every later one of up to 300 leaves', async () => {
    let verified = 0;
    for (let newSize = 1; newSize <= LARGEST; newSize += 1) {
      const newRoot = rootOf(newSize);
      for (let oldSize = 1; oldSize <= newSize; oldSize += 1) {
        const proof = await consistencyProof(oldSize, newSize, readHash);
        verified += Number(verifyConsistency({ oldSize, newSize, oldRoot: rootOf(oldSize), newRoot, proof }));
      }
    }
    expect(verified).toBe((LARGEST * (LARGEST + 1)) / 2);
  });

  it('are the same over stored tiles as over the recursive definition', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (newSize, number) => {
        const oldSize = 1 + (number % newSize);
        const overTiles = await consistencyProof(oldSize, newSize, tileHashReader(newSize, storedTile(log.tiles)));
        expect(overTiles).toEqual(await consistencyProof(oldSize, newSize, readHash));
      }),
    );
  });

  it('fail when any one bit of a root or the proof is flipped, or another size is claimed', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), bits, async (newSize, number, place, bit) => {
        const oldSize = 1 + (number % newSize);
        const proof = await consistencyProof(oldSize, newSize, readHash);
        const claim = { oldSize, newSize, oldRoot: rootOf(oldSize), newRoot: rootOf(newSize), proof };
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, oldRoot: withBitFlipped(claim.oldRoot, bit) })).toBe(false);
        expect(verifyConsistency({ ...claim, newRoot: withBitFlipped(claim.newRoot, bit) })).toBe(false);
        const flippedAt = place % Math.max(1, proof.length);
        const bent = proof.map((hash, at) => (at === flippedAt ? withBitFlipped(hash, bit) : hash));
        expect(verifyConsistency({ ...claim, proof: bent })).toBe(proof.length === 0);
        expect(verifyConsistency({ ...claim, proof: [...proof, claim.newRoot] })).toBe(false);
        const otherSize = 1 + (place % newSize);
        expect(verifyConsistency({ ...claim, oldSize: otherSize })).toBe(otherSize === oldSize);
      }),
      { numRuns: 300 },
    );
  });

  it('say nothing about a tree without leaves, and never lead backwards', async () => {
    await expect(consistencyProof(0, 5, readHash)).rejects.toMatchObject({
      code: 'ERR_INVALID_INPUT',
    });
    await expect(consistencyProof(6, 5, readHash)).rejects.toMatchObject({
      code: 'ERR_INVALID_INPUT',
    });
    expect(
      verifyConsistency({
        oldSize: 0,
        newSize: 5,
        oldRoot: merkleRoot(Buffer.alloc(0)),
        newRoot: rootOf(5),
        proof: [],
      }),
    ).toBe(false);
  });
});

describe('proofs in a tree of 2^33 leaves', () => {
  // All leaves alike: each level has one hash, so that a tree beyond 32 bits can be read without being stored.
  const leaf = leafHash(Buffer.from('the same event'));
  const sameOnEachLevel = [leaf];
  for (let level = 1; level <= 34; level += 1) {
    const below = sameOnEachLevel[level - 1] ?? leaf;
    sameOnEachLevel.push(nodeHash(below, below));
  }
  const readSameHash: HashReader = (level) => Promise.resolve(sameOnEachLevel[level] ?? leaf);
  const size = 2 ** 33 + 5;

  async function rootAt(treeSize: number): Promise<Uint8Array> {
    const [, ...path] = [leaf, ...(await inclusionProof(treeSize - 1, treeSize, readSameHash))];
    return path.reduce<Uint8Array>((reached, sibling) => nodeHash(sibling, reached), leaf);
  }

  it('verify, since places are not cut to 32 bits', async () => {
    const root = await rootAt(size);
    for (const index of [0, 2 ** 32 - 1, 2 ** 32, 2 ** 33, size - 1]) {
      const proof = await inclusionProof(index, size, readSameHash);
      expect(verifyInclusion({ index, size, leafHash: leaf, proof, root })).toBe(true);
      expect(verifyInclusion({ index: index % 2 ** 32, size: size % 2 ** 32, leafHash: leaf, proof, root })).toBe(
        false,
      );
    }
    const proof = await consistencyProof(2 ** 32 + 3, size, readSameHash);
    const oldRoot = await rootAt(2 ** 32 + 3);
    expect(verifyConsistency({ oldSize: 2 ** 32 + 3, newSize: size, oldRoot, newRoot: root, proof })).toBe(true);
  });
});
