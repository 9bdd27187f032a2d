import { SessionLedgerError } from '../errors.js';
import type { HashReader } from './hash-reader.js';
import { HASH_BYTES, merkleRoot } from './merkle.js';
import { TILE_HEIGHT, TILE_WIDTH, tilePath, tileWidth, type TileCoordinates } from './tile.js';

/**
 * Fetches the content of a tile of hashes. May answer with a wider tile than asked for, since a log may drop a partial tile once
 * the full one exists; the reader takes the hashes it needs from the left.
 */
export type TileFetch = (tile: TileCoordinates) => Promise<Uint8Array>;

/**
 * A reader of subtree hashes backed by tiles, for proofs over a stored or served log. Each tile is fetched at most once in the
 * reader's life, so make one reader for one piece of work and let it go. It trusts what is fetched: whoever did not write the
 * tiles verifies the proof it makes against a signed root.
 *
 * @param size the tree's number of leaves; decides the widths of the tiles asked for
 * @param fetchTile fetches one tile's content
 * @returns a `HashReader`; it rejects with `ERR_INVALID_INPUT` for a subtree that is not complete in this tree, and with
 *   `ERR_EVIDENCE_MALFORMED` for a tile narrower than asked for
 * @example
 * const proof = await inclusionProof(index, size, tileHashReader(size, (tile) => readFile(tilePath(tile))));
 */
export function tileHashReader(size: number, fetchTile: TileFetch): HashReader {
  const fetched = new Map<string, Promise<Uint8Array>>();

  function fetchOnce(tile: TileCoordinates): Promise<Uint8Array> {
    const path = tilePath(tile);
    const known = fetched.get(path);
    if (known !== undefined) return known;
    const content = fetchTile(tile).then((bytes) => checkedWidth(tile, bytes));
    fetched.set(path, content);
    return content;
  }

  return async function readHash(level, index) {
    if ((index + 1) * 2 ** level > size || index < 0 || level < 0) {
      throw new SessionLedgerError(
        'ERR_INVALID_INPUT',
        `subtree ${level}/${index} is not complete in a tree of ${size}`,
      );
    }
    const tileLevel = Math.floor(level / TILE_HEIGHT);
    const span = 2 ** (level % TILE_HEIGHT);
    const tileIndex = Math.floor((index * span) / TILE_WIDTH);
    const place = index * span - tileIndex * TILE_WIDTH;
    const width = tileWidth(tileLevel, tileIndex, size);
    const content = await fetchOnce({ level: tileLevel, index: tileIndex, width });
    return merkleRoot(content.subarray(place * HASH_BYTES, (place + span) * HASH_BYTES));
  };
}

function checkedWidth(tile: TileCoordinates, content: Uint8Array): Uint8Array {
  if (content.length < tile.width * HASH_BYTES) {
    throw new SessionLedgerError(
      'ERR_EVIDENCE_MALFORMED',
      `${tilePath(tile)} must hold ${tile.width} hashes, but has ${content.length} bytes`,
    );
  }
  return content;
}
