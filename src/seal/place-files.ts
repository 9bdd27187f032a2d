import { SessionLedgerError } from '../errors.js';
import type { Executor } from '../ledger/named-query.js';
import { publishedUpTo, type SignedCheckpoint } from './checkpoint-list.js';
import { encodeEntryBundle } from './entry-bundle.js';
import { sizeSaid, type LogFile, type LogPlace } from './log-place.js';
import { HASH_BYTES, leafHashes } from './merkle.js';
import { isOfHistory, type OwnHistory } from './published-history.js';
import type { RecentLeaves } from './recent-leaves.js';
import { sealedLeaves } from './sealed-leaves.js';
import { TILE_WIDTH, tilePath, tilesBetween, tileWidth, type TileCoordinates } from './tile.js';
import { storedTiles } from './tree-store.js';

/** Leaves whose files are written in one slice: between two of them newer checkpoints are signed, and a stop is heeded. */
const leavesPerSlice = 64 * TILE_WIDTH;

/** The files of a log in one place: tiles, entries, and the checkpoint over those that are all there. */
export class PlaceFiles {
  /** Leaves whose files are all there; unknown until the place was looked at. */
  private size: number | undefined;
  private wrote = false;

  /**
   * @param recent leaves that need not be read out of the ledger.
   * @param written told when files are written, and before the checkpoint over them is.
   */
  constructor(
    readonly place: LogPlace,
    private readonly recent: RecentLeaves,
    private readonly written: (what: 'files' | 'checkpoint') => void = () => undefined,
  ) {}

  /** Whether something was written since this was asked last. */
  hasWritten(): boolean {
    const { wrote } = this;
    this.wrote = false;
    return wrote;
  }

  /** Looks at the place again at the next slice: somebody else has written to it, or removed what was there. */
  lookAgain(): void {
    this.size = undefined;
  }

  /**
   * Brings the place one slice nearer to a checkpoint that was published.
   *
   * @returns whether that is reached.
   * @throws SessionLedgerError `ERR_EVIDENCE_REJECTED` when an event contradicts its seal: its bundle cannot be published.
   */
  async advance(executor: Executor, history: OwnHistory, target: SignedCheckpoint): Promise<boolean> {
    const size = (this.size ??= await this.sizeFound(executor));
    // Cosignatures of witnesses may have been added to it.
    if (size >= target.size && (await this.checkpoint())?.startsWith(target.note)) return true;
    const next = target.size - size <= leavesPerSlice ? target : await this.step(executor, history, size);
    this.wrote = true;
    await this.writeUpTo(executor, size, next.size);
    if (next.note !== undefined) {
      this.written('checkpoint');
      await this.place.write([{ path: 'checkpoint', content: next.note, isFinal: false }]);
    }
    this.size = next.size;
    return next.size === target.size;
  }

  /** Ends at a checkpoint that was published on the way, if there is one: from there on a sealer that is stopped need not begin anew. */
  private async step(
    executor: Executor,
    history: OwnHistory,
    size: number,
  ): Promise<Partial<SignedCheckpoint> & { size: number }> {
    const published = await publishedUpTo(executor, history.origin, size + leavesPerSlice);
    if (published !== undefined && published.size > size && (await isOfHistory(executor, history, published.note)))
      return published;
    return { size: Math.floor((size + leavesPerSlice) / TILE_WIDTH) * TILE_WIDTH };
  }

  private async checkpoint(): Promise<string | undefined> {
    return (await this.place.read('checkpoint'))?.toString();
  }

  /**
   * The size that the checkpoint in the place is over; it is written last, so its files are there. Those at the right edge are compared
   * all the same: a disk that lost what it had promised to keep loses the newest, and everything is then written again.
   */
  private async sizeFound(executor: Executor): Promise<number> {
    const note = await this.checkpoint();
    const size = note === undefined ? 0 : sizeSaid(note);
    for (let level = 0; TILE_WIDTH ** level <= size; level += 1) {
      const index = Math.ceil(Math.floor(size / TILE_WIDTH ** level) / TILE_WIDTH) - 1;
      const tile = { level, index, width: tileWidth(level, index, size) };
      if (!(await this.holds(executor, tile))) return 0;
      if (level === 0 && (await this.place.read(tilePath({ ...tile, level: 'entries' }))) === undefined) return 0;
    }
    return size;
  }

  private async holds(executor: Executor, tile: TileCoordinates): Promise<boolean> {
    const found = await this.place.read(tilePath(tile));
    const stored = await storedTiles(executor)(tile);
    return found !== undefined && Buffer.compare(found, stored.subarray(0, tile.width * HASH_BYTES)) === 0;
  }

  private async writeUpTo(executor: Executor, oldSize: number, newSize: number): Promise<void> {
    const files = [
      ...(await this.bundles(executor, oldSize, newSize)),
      ...(await tilesOfHashes(executor, oldSize, newSize)),
    ];
    const half = Math.ceil(files.length / 2);
    await this.place.write(files.slice(0, half));
    this.written('files');
    await this.place.write(files.slice(half));
    await this.place.removePartials(files.filter(({ isFinal }) => isFinal).map(({ path }) => path));
  }

  private async bundles(executor: Executor, oldSize: number, newSize: number): Promise<LogFile[]> {
    if (newSize === oldSize) return [];
    const first = Math.floor(oldSize / TILE_WIDTH);
    const leaves = await this.leavesFrom(executor, first * TILE_WIDTH, newSize);
    const files: LogFile[] = [];
    for (let index = first; index * TILE_WIDTH < newSize; index += 1) {
      const width = tileWidth(0, index, newSize);
      const bundle = leaves.slice((index - first) * TILE_WIDTH, (index - first) * TILE_WIDTH + width);
      const path = tilePath({ level: 'entries', index, width });
      files.push({ path, content: encodeEntryBundle(bundle), isFinal: width === TILE_WIDTH });
    }
    return files;
  }

  private async leavesFrom(executor: Executor, first: number, end: number): Promise<Buffer[]> {
    const recent = this.recent.between(first, end);
    if (recent !== undefined) return recent;
    const leaves = await sealedLeaves(executor, first, end);
    const fetchTile = storedTiles(executor);
    for (let leaf = first; leaf < end; leaf += TILE_WIDTH) {
      const [index, width] = [leaf / TILE_WIDTH, Math.min(TILE_WIDTH, end - leaf)];
      refuseChanged(
        leaves.slice(leaf - first, leaf - first + width),
        await fetchTile({ level: 0, index, width }),
        leaf,
      );
    }
    return leaves;
  }
}

async function tilesOfHashes(executor: Executor, oldSize: number, newSize: number): Promise<LogFile[]> {
  const fetchTile = storedTiles(executor);
  const files: LogFile[] = [];
  for (const tile of tilesBetween(oldSize, newSize)) {
    const content = (await fetchTile(tile)).subarray(0, tile.width * HASH_BYTES);
    files.push({ path: tilePath(tile), content, isFinal: tile.width === TILE_WIDTH });
  }
  return files;
}

function refuseChanged(leaves: readonly Buffer[], sealed: Uint8Array, firstLeaf: number): void {
  const hashes = leafHashes(leaves);
  for (let place = 0; place < leaves.length; place += 1) {
    const [start, end] = [place * HASH_BYTES, (place + 1) * HASH_BYTES];
    if (hashes.compare(sealed, start, end, start, end) === 0) continue;
    throw new SessionLedgerError(
      'ERR_EVIDENCE_REJECTED',
      `an event contradicts its seal: leaf ${firstLeaf + place} says ${leaves[place]!.toString()}, and was sealed as something else`,
    );
  }
}
