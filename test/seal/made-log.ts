import { signCheckpoint } from '../../src/seal/checkpoint.js';
import { GrowingTree } from '../../src/seal/growing-tree.js';
import { HASH_BYTES, leafHashes } from '../../src/seal/merkle.js';
import { inclusionProof } from '../../src/seal/inclusion-proof.js';
import { rangeProof } from '../../src/seal/range-proof.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { tileHashReader } from '../../src/seal/tile-hashes.js';
import { tilePath } from '../../src/seal/tile.js';
import type { ProvenLeaf, ProvenRange } from '../../src/seal/verify-evidence-file.js';
import type { LeafEvent } from '../../src/seal/verify-live.js';

const origin = 'ledger.example/made';

/** A log in memory, of leaves that somebody made up, with the key that signs it. */
export class MadeLog {
  readonly events: LeafEvent[];
  readonly keys: readonly string[];
  private readonly tiles = new Map<string, Buffer>();

  constructor(
    readonly leaves: readonly Buffer[],
    private readonly key = SigningKey.generate(origin),
  ) {
    this.events = leaves.map((leaf) => JSON.parse(leaf.toString()) as LeafEvent);
    this.keys = [key.vkey];
    const tree = GrowingTree.empty();
    for (const tile of tree.append(leafHashes(leaves))) this.tiles.set(tilePath(tile), tile.hashes);
    this.root = tree.root();
  }

  private readonly root: Buffer;

  /** The same log when it had fewer leaves. */
  cutTo(size: number): MadeLog {
    return new MadeLog(this.leaves.slice(0, size), this.key);
  }

  checkpoint(): Promise<string> {
    return signCheckpoint({ origin, size: this.leaves.length, root: this.root, extensions: [] }, [this.key]);
  }

  async leaf(index: number): Promise<ProvenLeaf> {
    const proof = await inclusionProof(index, this.leaves.length, this.reader());
    return { index, leaf: this.leaves[index]!.toString(), proof: proof.map(inBase64) };
  }

  async range(start: number, end: number): Promise<ProvenRange> {
    const proof = await rangeProof({ start, end }, this.leaves.length, this.reader());
    return {
      first: start,
      leaves: this.leaves.slice(start, end).map((leaf) => leaf.toString()),
      proof: proof.map(inBase64),
    };
  }

  private reader(): ReturnType<typeof tileHashReader> {
    return tileHashReader(
      this.leaves.length,
      async (tile) => this.tiles.get(tilePath(tile)) ?? Buffer.alloc(HASH_BYTES),
    );
  }
}

function inBase64(hash: Uint8Array): string {
  return Buffer.from(hash).toString('base64');
}
