import { SessionLedgerError } from '../errors.js';
import type { HashReader } from './hash-reader.js';
import { HASH_BYTES } from './merkle.js';
import { parseStrictDecimal } from './strict-decimal.js';

/** Levels of the tree that one tile spans (C2SP tlog-tiles). */
export const TILE_HEIGHT = 8;

/** Hashes in a full tile, and entries in a full bundle (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;

/** The highest tile level that a path may name (C2SP tlog-tiles). */
const MAX_TILE_LEVEL = 63;

/**
 * One tile of hashes. `level` is the tile level (0 holds leaf hashes, each level above spans 8 levels of the tree), `index` counts
 * tiles within the level from 0, `width` is 1 to 256: less than 256 for the partial tile at the right edge of some tree.
 */
export interface TileCoordinates {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/** One bundle of entries; `index` and `width` as in a tile of level 0. */
export interface BundleCoordinates {
  readonly level: 'entries';
  readonly index: number;
  readonly width: number;
}

/**
 * The path of a tile or bundle below the log's prefix (C2SP tlog-tiles, "Merkle Tree" and "Log entries").
 *
 * @param tile coordinates; level 0 to 63, index a safe integer, width 1 to 256
 * @returns the path without a leading slash
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for coordinates that no log has
 * @example
 * tilePath({ level: 0, index: 1234067, width: 8 }); // 'tile/0/x001/x234/067.p/8'
 */
export function tilePath(tile: TileCoordinates | BundleCoordinates): string {
  const { level, index, width } = tile;
  const levelExists = level === 'entries' || isIntegerWithin(level, 0, MAX_TILE_LEVEL);
  if (!levelExists || !isIntegerWithin(index, 0, Number.MAX_SAFE_INTEGER) || !isIntegerWithin(width, 1, TILE_WIDTH)) {
    throw new SessionLedgerError('ERR_INVALID_INPUT', `no log has a tile ${level}/${index} of width ${width}`);
  }
  const groups: string[] = [];
  let rest = index;
  do {
    groups.unshift(`${groups.length === 0 ? '' : 'x'}${String(rest % 1000).padStart(3, '0')}`);
    rest = Math.floor(rest / 1000);
  } while (rest > 0);
  return `tile/${level}/${groups.join('/')}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/**
 * Reads a path made by `tilePath`.
 *
 * @param path a path below the log's prefix, without a leading slash
 * @returns the coordinates, or `undefined` for anything but the one spelling that the format allows
 * @example
 * parseTilePath('tile/entries/067.p/8'); // { level: 'entries', index: 67, width: 8 }
 */
export function parseTilePath(path: string): TileCoordinates | BundleCoordinates | undefined {
  const match = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path);
  if (match === null) return undefined;
  const [, levelText = '', indexText = '', widthText] = match;
  const level = levelText === 'entries' ? ('entries' as const) : parseStrictDecimal(levelText);
  const index = Number(indexText.replaceAll(/[x/]/g, ''));
  const width = widthText === undefined ? TILE_WIDTH : parseStrictDecimal(widthText);
  if (level === undefined || width === undefined || !isIntegerWithin(width, 1, TILE_WIDTH)) return undefined;
  if (!Number.isSafeInteger(index) || (level !== 'entries' && level > MAX_TILE_LEVEL)) return undefined;
  const tile = level === 'entries' ? { level, index, width } : { level, index, width };
  // Re-encoding refuses the second spellings: leading groups of zeros, and `.p/256` for a full tile.
  return tilePath(tile) === path ? tile : undefined;
}

/**
 * How many hashes a tile holds in the tree of `size` leaves.
 *
 * @param level the tile level, 0 for leaf hashes; bundles have the widths of level 0
 * @param index the tile's place within the level
 * @param size the tree's number of leaves
 * @returns 0 (the tree has no such tile) to 256 (full)
 * @example
 * tileWidth(0, 273, 70_000); // 112
 */
export function tileWidth(level: number, index: number, size: number): number {
  const hashesInLevel = Math.floor(size / TILE_WIDTH ** level);
  return Math.min(TILE_WIDTH, Math.max(0, hashesInLevel - index * TILE_WIDTH));
}

/**
 * Lists the tiles of hashes that a tree of `newSize` has and a tree of `oldSize` had not, or had narrower: what must be written
 * when a log grows. Bundles follow the tiles of level 0.
 *
 * @param oldSize leaves before, 0 for a new log
 * @param newSize leaves after
 * @returns coordinates, level by level, left to right
 * @example
 * [...tilesBetween(0, 70_000)].length; // 277
 */
export function* tilesBetween(oldSize: number, newSize: number): Generator<TileCoordinates> {
  for (let level = 0; TILE_WIDTH ** level <= newSize; level += 1) {
    let index = Math.floor(oldSize / TILE_WIDTH ** (level + 1));
    let width = tileWidth(level, index, newSize);
    while (width > 0) {
      if (width > tileWidth(level, index, oldSize)) yield { level, index, width };
      index += 1;
      width = tileWidth(level, index, newSize);
    }
  }
}

/**
 * The content of a tile of hashes.
 *
 * @param tile coordinates of a tile that the tree has
 * @param readHash the reader of the tree's complete subtrees
 * @returns `width * 32` bytes
 * @example
 * await tileContent({ level: 1, index: 0, width: 17 }, readHash); // 544 bytes
 */
export async function tileContent(tile: TileCoordinates, readHash: HashReader): Promise<Buffer> {
  const reads = Array.from({ length: tile.width }, (_, place) =>
    readHash(tile.level * TILE_HEIGHT, tile.index * TILE_WIDTH + place),
  );
  return Buffer.concat(await Promise.all(reads), tile.width * HASH_BYTES);
}

function isIntegerWithin(value: number, lowest: number, highest: number): boolean {
  return Number.isSafeInteger(value) && value >= lowest && value <= highest;
}
