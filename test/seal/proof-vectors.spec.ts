import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyConsistency } from '../../src/seal/consistency-proof.js';
import { verifyInclusion } from '../../src/seal/inclusion-proof.js';

interface ProofVectors {
  hashes: string[];
  inclusionCases: string[];
  consistencyCases: string[];
}

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, 'vectors', 'merkle-proofs.json'), 'utf8'),
) as ProofVectors;
const hashes = vectors.hashes.map((hex) => Buffer.from(hex, 'hex'));

function hashAt(place: string): Buffer {
  const hash = hashes[Number(place)];
  if (hash === undefined) throw new Error(`the vectors have no hash ${place}`);
  return hash;
}

function proofOf(places: string): Buffer[] {
  return places === '-' ? [] : places.split(',').map(hashAt);
}

describe('published proof vectors of transparency-dev/merkle', () => {
  it('holds all 98 inclusion and 98 consistency cases', () => {
    expect([vectors.inclusionCases.length, vectors.consistencyCases.length]).toEqual([98, 98]);
  });

  it.each(vectors.inclusionCases)('inclusion %s', (line) => {
    const [, verdict, index, size, leafHash = '', root = '', proof = ''] = line.split(' ');
    const claim = { index: Number(index), size: Number(size), leafHash: hashAt(leafHash), root: hashAt(root) };
    expect(verifyInclusion({ ...claim, proof: proofOf(proof) })).toBe(verdict === 'holds');
  });

  it.each(vectors.consistencyCases)('consistency %s', (line) => {
    const [, verdict, oldSize, newSize, oldRoot = '', newRoot = '', proof = ''] = line.split(' ');
    const claim = {
      oldSize: Number(oldSize),
      newSize: Number(newSize),
      oldRoot: hashAt(oldRoot),
      newRoot: hashAt(newRoot),
    };
    expect(verifyConsistency({ ...claim, proof: proofOf(proof) })).toBe(verdict === 'holds');
  });
});
