import { SessionLedgerError } from '../errors.js';
import { MAX_LEAF_BYTES } from './merkle.js';
import { TILE_WIDTH } from './tile.js';

const LENGTH_BYTES = 2;

/**
 * Writes an entry bundle: each leaf behind its length as a big-endian uint16 (C2SP tlog-tiles, "Log entries").
 *
 * @param leaves 1 to 256 leaves in order, each at most 65,535 bytes
 * @returns the bundle's bytes
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for too many leaves, none, or one too long
 * @example
 * encodeEntryBundle([Buffer.from('ab')]); // <Buffer 00 02 61 62>
 */
export function encodeEntryBundle(leaves: readonly Uint8Array[]): Buffer {
  if (leaves.length < 1 || leaves.length > TILE_WIDTH) {
    throw new SessionLedgerError(
      'ERR_INVALID_INPUT',
      `an entry bundle holds 1 to ${TILE_WIDTH} leaves, not ${leaves.length}`,
    );
  }
  const parts: Uint8Array[] = [];
  for (const leaf of leaves) {
    if (leaf.length > MAX_LEAF_BYTES) {
      throw new SessionLedgerError(
        'ERR_INVALID_INPUT',
        `a leaf of ${leaf.length} bytes does not fit into an entry bundle`,
      );
    }
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt16BE(leaf.length);
    parts.push(length, leaf);
  }
  return Buffer.concat(parts);
}

/**
 * Reads an entry bundle.
 *
 * @param bundle the bundle's bytes
 * @param width how many leaves it must hold, by its path
 * @returns the leaves, views into `bundle`
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` when it holds more, fewer, or a part of one
 * @example
 * parseEntryBundle(bytes, 256).map(leafHash);
 */
export function parseEntryBundle(bundle: Uint8Array, width: number): Buffer[] {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const leaves: Buffer[] = [];
  let offset = 0;
  while (offset + LENGTH_BYTES <= bytes.length && leaves.length < width) {
    const start = offset + LENGTH_BYTES;
    const end = start + bytes.readUInt16BE(offset);
    leaves.push(bytes.subarray(start, end));
    offset = end;
  }
  // A last leaf that is cut short leaves the offset beyond the end.
  if (leaves.length !== width || offset !== bytes.length) {
    throw new SessionLedgerError('ERR_EVIDENCE_MALFORMED', `the entry bundle is not ${width} leaves and nothing else`);
  }
  return leaves;
}
