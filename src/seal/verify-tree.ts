import { GrowingTree, type Tile } from './growing-tree.js';
import { HASH_BYTES, leafHash, leafHashes } from './merkle.js';
import { TILE_WIDTH, tileWidth } from './tile.js';
import type { TileFetch } from './tile-hashes.js';

/** A place where leaves and stored tiles say different things. */
export interface TreeDifference {
  /** 0: a leaf; above: a tile of hashes over hashes. */
  readonly level: number;
  /** Of the leaf, or of the tile. */
  readonly index: number;
  /** The first leaf that is concerned. */
  readonly leaf: number;
  /** The leaf as it is now, in a few words. */
  readonly what: string;
}

/** More of them say nothing new. */
const mostDifferences = 20;

/**
 * The tree that leaves make up as they are now, built anew and laid beside the stored tiles. Where a leaf is missing, the stored hash
 * stands in for it, so that everything behind it can still be checked.
 */
export class TreeCheck {
  readonly differences: TreeDifference[] = [];
  /** The leaves that are not there, in stretches: a ledger may have lost a month of them. */
  readonly missing: { first: number; end: number }[] = [];
  private readonly tree = GrowingTree.empty();
  /** Leaves of the level-0 tiles that are not full yet, to be described if they differ. */
  private recent: (Uint8Array | undefined)[] = [];
  private recentFirst = 0;
  private readonly unfinished = new Map<number, Tile>();
  /** The stored tile that missing leaves were last looked up in. */
  private lookedUp: { index: number; hashes: Uint8Array } | undefined;

  constructor(private readonly tile: TileFetch) {}

  get size(): number {
    return this.tree.size;
  }

  root(): Buffer {
    return this.tree.root();
  }

  /** Takes the next leaves. */
  async append(leaves: readonly (Uint8Array | undefined)[]): Promise<void> {
    this.recent.push(...leaves);
    for (const tile of this.tree.append(await this.hashesOf(leaves))) {
      if (tile.width < TILE_WIDTH) {
        this.unfinished.set(tile.level, tile);
        continue;
      }
      if (this.unfinished.get(tile.level)?.index === tile.index) this.unfinished.delete(tile.level);
      await this.compare(tile);
    }
    const firstKept = Math.floor(this.size / TILE_WIDTH) * TILE_WIDTH;
    this.recent = this.recent.slice(firstKept - this.recentFirst);
    this.recentFirst = firstKept;
  }

  /** Compares the tiles at the right edge too, once the last leaf was taken. */
  async finish(): Promise<void> {
    for (const tile of this.unfinished.values()) await this.compare(tile);
  }

  private async hashesOf(leaves: readonly (Uint8Array | undefined)[]): Promise<Buffer> {
    if (!leaves.includes(undefined)) return leafHashes(leaves as readonly Uint8Array[]);
    const hashes: Uint8Array[] = [];
    for (const [place, leaf] of leaves.entries()) {
      const index = this.size + place;
      if (leaf === undefined) this.miss(index);
      hashes.push(leaf === undefined ? await this.storedHash(index) : leafHash(leaf));
    }
    return Buffer.concat(hashes);
  }

  private miss(leaf: number): void {
    const last = this.missing.at(-1);
    if (last?.end === leaf) last.end += 1;
    // The first ones are named, and the last one tells whether the end was cut off.
    else this.missing.splice(mostDifferences - 1, 1, { first: leaf, end: leaf + 1 });
  }

  private async storedHash(leaf: number): Promise<Uint8Array> {
    const index = Math.floor(leaf / TILE_WIDTH);
    if (this.lookedUp?.index !== index) {
      this.lookedUp = { index, hashes: await this.tile({ level: 0, index, width: tileWidth(0, index, leaf + 1) }) };
    }
    const place = (leaf % TILE_WIDTH) * HASH_BYTES;
    const hash = this.lookedUp.hashes.subarray(place, place + HASH_BYTES);
    return hash.length === HASH_BYTES ? hash : Buffer.alloc(HASH_BYTES);
  }

  private async compare({ level, index, width, hashes }: Tile): Promise<void> {
    const stored = await this.tile({ level, index, width });
    if (hashes.equals(stored.subarray(0, hashes.length))) return;
    const firstLeaf = index * TILE_WIDTH ** (level + 1);
    if (level > 0) return this.differ({ level, index, leaf: firstLeaf, what: '' });
    for (let place = 0; place < width; place += 1) {
      const [start, end] = [place * HASH_BYTES, (place + 1) * HASH_BYTES];
      if (hashes.subarray(start, end).equals(stored.subarray(start, end))) continue;
      const leaf = firstLeaf + place;
      this.differ({ level, index: leaf, leaf, what: described(this.recent[leaf - this.recentFirst]) });
    }
  }

  private differ(difference: TreeDifference): void {
    if (this.differences.length < mostDifferences) this.differences.push(difference);
  }
}

/**
 * The root that the stored tiles of leaf hashes add up to.
 *
 * @returns undefined where one of them is too short for the tree.
 */
export async function rootOfTiles(tile: TileFetch, size: number): Promise<Buffer | undefined> {
  const tree = GrowingTree.empty();
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = tileWidth(0, index, size);
    const hashes = (await tile({ level: 0, index, width })).subarray(0, width * HASH_BYTES);
    if (hashes.length < width * HASH_BYTES) return undefined;
    tree.append(hashes);
  }
  return tree.root();
}

function described(leaf: Uint8Array | undefined): string {
  const event = /"kind":"([^"]*)".*"seq":"([0-9]+)"/.exec(Buffer.from(leaf ?? []).toString());
  return event === null ? 'what stands there' : `event ${event[2]} (${event[1]})`;
}
