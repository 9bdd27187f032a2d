import { leafHash, leafHashes, merkleRoot } from '../../src/seal/merkle.js';
import { rangeProof, rangeRoot } from '../../src/seal/range-proof.js';

const leaves = Array.from({ length: 21 }, (_, index) => Buffer.from(`leaf ${index}`));

describe('a proof of a range of leaves', () => {
  it('leads every range of every tree of up to 13 leaves to its root', async () => {
    for (let size = 1; size <= 13; size += 1) {
      for (const range of rangesIn(size)) {
        const proof = await rangeProof(range, size, readHash);
        const hashes = leafHashes(leaves.slice(range.start, range.end));
        expect(rangeRoot(range, size, hashes, proof)).toEqual(merkleRoot(leafHashes(leaves.slice(0, size))));
      }
    }
  });

  it('leads nowhere when a leaf was left out, changed or added, or the proof is of another range', async () => {
    const range = { start: 5, end: 12 };
    const proof = await rangeProof(range, 21, readHash);
    const root = merkleRoot(leafHashes(leaves));
    const hashes = leafHashes(leaves.slice(5, 12));
    const changed = Buffer.from(hashes);
    changed[40]! ^= 1;
    const attempts = [
      rangeRoot({ start: 5, end: 11 }, 21, hashes.subarray(0, 6 * 32), proof),
      rangeRoot({ start: 6, end: 12 }, 21, hashes.subarray(32), proof),
      rangeRoot(range, 21, changed, proof),
      rangeRoot(range, 21, hashes, proof.slice(1)),
      rangeRoot(range, 21, hashes, [...proof, leafHash(leaves[0]!)]),
      rangeRoot({ start: 12, end: 5 }, 21, hashes, proof),
    ];
    for (const reached of attempts) expect(reached === undefined || !reached.equals(root)).toBe(true);
  });
});

function* rangesIn(size: number): Generator<{ start: number; end: number }> {
  for (let start = 0; start < size; start += 1) for (let end = start + 1; end <= size; end += 1) yield { start, end };
}

async function readHash(level: number, index: number): Promise<Uint8Array> {
  return merkleRoot(leafHashes(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)));
}
