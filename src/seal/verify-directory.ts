import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SessionLedgerError } from '../errors.js';
import { parseEntryBundle } from './entry-bundle.js';
import { TILE_WIDTH, tilePath, tileWidth, type BundleCoordinates, type TileCoordinates } from './tile.js';
import type { LeafStretch, LogUnderTest } from './verifier.js';

/** Bundles that are read while one is checked. */
const bundlesAhead = 8;

/**
 * A log as it is published in a directory: the one that the sealer writes, or a copy of it.
 *
 * @param path the directory that holds `checkpoint` and `tile/`.
 * @throws what the file system throws where there is no checkpoint.
 * @example
 * await verifyLog(await logInDirectory('/srv/ledger'), { keys: [vkey] });
 */
export async function logInDirectory(path: string): Promise<LogUnderTest> {
  const checkpoint = await readFile(join(path, 'checkpoint'), 'utf8');
  const size = Number(checkpoint.split('\n')[1]);
  return {
    checkpoint,
    published: async function* nothingListed() {},
    leaves: (upTo) => leavesIn(path, upTo),
    tile: async (tile) => (await contentOf(path, { ...tile, width: tileWidth(tile.level, tile.index, size) })).bytes,
  };
}

async function* leavesIn(path: string, size: number): AsyncIterable<LeafStretch> {
  const count = Math.ceil(size / TILE_WIDTH);
  const reading: Promise<LeafStretch>[] = [];
  for (let next = 0; next < count || reading.length > 0;) {
    while (next < count && reading.length < bundlesAhead) {
      const bundle = bundleIn(path, next, size);
      // Whoever stops reading never asks for this one; that it failed is then nobody's concern.
      bundle.catch(() => undefined);
      reading.push(bundle);
      next += 1;
    }
    yield await reading.shift()!;
  }
}

async function bundleIn(path: string, index: number, size: number): Promise<LeafStretch> {
  const width = tileWidth(0, index, size);
  const { bytes, widthFound } = await contentOf(path, { level: 'entries', index, width });
  const leaves = Array<undefined>(width).fill(undefined);
  if (bytes.length === 0) return { leaves };
  try {
    return { leaves: parseEntryBundle(bytes, widthFound).slice(0, width) };
  } catch (cause) {
    if (!(cause instanceof SessionLedgerError)) throw cause;
    const [first, end] = [index * TILE_WIDTH, index * TILE_WIDTH + width];
    const sentence = `what should hold the leaves ${first} to ${end - 1} cannot be read: ${cause.message}`;
    return { leaves, oddities: [{ leaf: first, sentence }] };
  }
}

/**
 * The file of a tile, or of the full tile that has taken the place of a partial one; empty where there is neither, since what is
 * missing is for the verifier to name.
 */
async function contentOf(
  path: string,
  tile: TileCoordinates | BundleCoordinates,
): Promise<{ bytes: Buffer; widthFound: number }> {
  for (const widthFound of new Set([tile.width, TILE_WIDTH])) {
    try {
      return { bytes: await readFile(join(path, tilePath({ ...tile, width: widthFound }))), widthFound };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    }
  }
  return { bytes: Buffer.alloc(0), widthFound: tile.width };
}
