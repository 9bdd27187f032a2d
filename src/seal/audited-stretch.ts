import { queryRows, type Executor } from '../ledger/named-query.js';
import { SessionLedgerError } from '../errors.js';
import { openCheckpoint, type Checkpoint } from './checkpoint.js';
import { rangeHash } from './hash-reader.js';
import { HASH_BYTES, leafHash, merkleRoot } from './merkle.js';
import { parseVerifierKey } from './note-key.js';
import { stretchOfRows } from './stretch-of-rows.js';
import { TILE_WIDTH, tileWidth, type TileCoordinates } from './tile.js';
import { tileHashReader } from './tile-hashes.js';
import { storedTiles } from './tree-store.js';
import { unreadableLeaf } from './verifier.js';

/** Leaves `first` to `end`, the last one excluded, of a tree of `size`. */
export interface AuditedStretch {
  readonly first: number;
  readonly end: number;
  readonly size: number;
}

/** What does not hold about a stretch. */
export interface FaultsOfStretch {
  /** A sentence for each. */
  readonly faults: readonly string[];
  /** Events among the sealed ones that were never sealed, by `seq`. */
  readonly lateRows: readonly string[];
}

/**
 * Compares a stretch of a live ledger with its seals, from the rows up: each row with its stored hash, each tile that ends here with the
 * hash of it above, and each checkpoint over leaves that end here with the keys to believe and the root that the tiles add up to. So
 * stretches can be looked at one by one, from any of them on: all of them together are the whole log.
 *
 * @param vkeys keys to believe.
 */
export async function faultsOfStretch(
  executor: Executor,
  stretch: AuditedStretch,
  vkeys: readonly string[],
): Promise<FaultsOfStretch> {
  const { faults, lateRows } = await faultsOfRows(executor, stretch);
  const faultsAbove = [
    ...(await faultsOfTiles(executor, stretch)),
    ...(await faultsOfCheckpoints(executor, stretch, vkeys)),
  ];
  return { faults: [...faults, ...faultsAbove], lateRows };
}

async function faultsOfRows(executor: Executor, { first, end, size }: AuditedStretch): Promise<FaultsOfStretch> {
  const { leaves, oddities, late } = await stretchOfRows(executor, first, end);
  const fetchTile = storedTiles(executor);
  const faults = oddities.map(({ sentence }) => sentence);
  let sealed = Buffer.alloc(0);
  for (const [place, leaf] of leaves.entries()) {
    const index = first + place;
    const offset = (index % TILE_WIDTH) * HASH_BYTES;
    if (place === 0 || offset === 0) {
      const tile = Math.floor(index / TILE_WIDTH);
      sealed = Buffer.from(await fetchTile({ level: 0, index: tile, width: tileWidth(0, tile, size) }));
    }
    if (leaf === undefined) {
      faults.push(`leaf ${index} is missing: the event that was sealed there is no longer in the ledger`);
    } else if (leaf !== unreadableLeaf && !leafHash(leaf).equals(sealed.subarray(offset, offset + HASH_BYTES))) {
      faults.push(`leaf ${index} is not what was sealed there: ${named(leaf)} or its stored hash was changed`);
    }
  }
  return { faults, lateRows: late.map(({ seq }) => seq) };
}

function named(leaf: Uint8Array): string {
  const { seq, kind } = JSON.parse(Buffer.from(leaf).toString()) as { seq: string; kind: string };
  return `event ${seq} (${kind})`;
}

/** Every full tile is a hash in the tile above it. */
async function faultsOfTiles(executor: Executor, { first, end }: AuditedStretch): Promise<string[]> {
  const fetchTile = storedTiles(executor);
  const faults: string[] = [];
  for (const { level, index } of tilesFilled(first, end)) {
    const hashes = await fetchTile({ level, index, width: TILE_WIDTH });
    const [above, place] = [Math.floor(index / TILE_WIDTH), (index % TILE_WIDTH) * HASH_BYTES];
    const width = (index % TILE_WIDTH) + 1;
    const parent = await fetchTile({ level: level + 1, index: above, width });
    const isSame =
      hashes.length === TILE_WIDTH * HASH_BYTES &&
      merkleRoot(hashes).compare(parent.subarray(place, place + HASH_BYTES)) === 0;
    if (!isSame) faults.push(`the stored tile ${level}/${index} or the one above it was changed`);
  }
  return faults;
}

function* tilesFilled(first: number, end: number): Generator<Omit<TileCoordinates, 'width'>> {
  for (let level = 0; TILE_WIDTH ** (level + 1) <= end; level += 1) {
    const span = TILE_WIDTH ** (level + 1);
    for (let index = Math.floor(first / span); (index + 1) * span <= end; index += 1) yield { level, index };
  }
}

const checkpointsWithinSql = `
SELECT size, note FROM session_ledger.published_checkpoint WHERE size > $1 AND size <= $2 ORDER BY size`;

async function faultsOfCheckpoints(
  executor: Executor,
  { first, end, size }: AuditedStretch,
  vkeys: readonly string[],
): Promise<string[]> {
  const statement = { name: 'checkpoints_within', text: checkpointsWithinSql, values: [first, end] };
  const rows = await queryRows<{ size: number; note: string }>(executor, statement);
  const faults: string[] = [];
  for (const { note } of rows) faults.push(...(await faultsOfCheckpoint(executor, note, size, vkeys)));
  return faults;
}

/**
 * What does not hold about a checkpoint: who signed it, or what the stored tiles add up to.
 *
 * @param size the size of the stored tree.
 */
export async function faultsOfCheckpoint(
  executor: Executor,
  note: string,
  size: number,
  vkeys: readonly string[],
): Promise<string[]> {
  const signed = opened(note, vkeys);
  if (typeof signed === 'string') return [signed];
  if (signed.size === 0) return [];
  if (signed.size > size)
    return [`the ledger has ${size} sealed events, and a checkpoint over ${signed.size} was published: it went back`];
  const root = await rangeHash({ start: 0, end: signed.size }, tileHashReader(size, storedTiles(executor)));
  if (Buffer.compare(root, signed.root) === 0) return [];
  return [`the stored tiles over the first ${signed.size} events do not add up to the root that was signed over them`];
}

function opened(note: string, vkeys: readonly string[]): Checkpoint | string {
  const origin = note.slice(0, note.indexOf('\n'));
  const logKeys = vkeys.map(parseVerifierKey).filter(({ name }) => name === origin);
  try {
    return openCheckpoint(note, { origin, logKeys }).checkpoint;
  } catch (cause) {
    if (!(cause instanceof SessionLedgerError)) throw cause;
    return `a checkpoint of ${origin} is not signed by a key to be believed, or was changed: ${cause.message}`;
  }
}
