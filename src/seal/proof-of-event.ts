import type { Executor } from '../ledger/named-query.js';
import { publishedCheckpoint, type PublishedCheckpoint } from './checkpoint-published.js';
import { encodeEntryBundle } from './entry-bundle.js';
import { HASH_BYTES } from './merkle.js';
import { listedKeys } from './seal-keys.js';
import { leavesOfEvents, proveEvents } from './sealed-events.js';
import { sealedLeaves } from './sealed-leaves.js';
import { parseTilePath, TILE_WIDTH, tileWidth } from './tile.js';
import { formatTlogProof } from './tlog-proof.js';
import { storedTiles } from './tree-store.js';

/** What convinces an outsider that an event is in the ledger: its leaf, and the leaf's place under a signed root. */
export interface ProofOfEvent {
  seq: number;
  /** Index of the leaf in the tree, from 0 on. */
  index: number;
  /** The canonical JSON of the event; its UTF-8 bytes are the leaf. */
  leaf: string;
  /** A `tlog-proof@v1` file, with the signed checkpoint in it. */
  proof: string;
}

/**
 * Proves an event by the newest published checkpoint.
 *
 * @throws SessionLedgerError `ERR_NOT_FOUND` for an event that is not in the ledger or not sealed yet, `ERR_EVIDENCE_REJECTED` when
 *   its row is not what was sealed.
 * @example
 * const { leaf, proof } = await proofOfEvent(reader, 1_234);
 */
export async function proofOfEvent(executor: Executor, seq: number): Promise<ProofOfEvent> {
  const [published, leaves] = await Promise.all([publishedCheckpoint(executor), leavesOfEvents(executor, [seq])]);
  const [event] = await proveEvents(executor, [seq], leaves, published?.size ?? 0);
  const { index, leaf, hashes } = event!;
  const proof = formatTlogProof({ index, hashes, checkpointNote: published!.note, extra: null });
  return { seq, index, leaf: leaf.toString(), proof };
}

/**
 * A tile of hashes or a bundle of entries, out of the database, as `tilePath` names it.
 *
 * @returns its bytes; undefined for a path that the published tree does not have.
 */
export async function servedTile(executor: Executor, path: string): Promise<Buffer | undefined> {
  const tile = parseTilePath(path);
  const published = tile && (await publishedCheckpoint(executor));
  if (published === undefined || tile === undefined || !isPublished(tile, published)) return undefined;
  const { level, index, width } = tile;
  if (level !== 'entries') {
    const hashes = await storedTiles(executor)({ level, index, width });
    return Buffer.from(hashes.subarray(0, width * HASH_BYTES));
  }
  return encodeEntryBundle(await sealedLeaves(executor, index * TILE_WIDTH, index * TILE_WIDTH + width));
}

function isPublished(
  { level, index, width }: NonNullable<ReturnType<typeof parseTilePath>>,
  { size }: PublishedCheckpoint,
): boolean {
  return tileWidth(level === 'entries' ? 0 : level, index, size) >= width;
}

/** The public keys of the ledger's checkpoints, one in a line (C2SP signed-note, "Verifier keys"). */
export async function servedKeys(executor: Executor): Promise<string> {
  return (await listedKeys(executor)).map(({ vkey }) => `${vkey}\n`).join('');
}

/** A public key of the ledger, and from which checkpoint on it signs. */
export interface KeyOfLedger {
  /** C2SP signed-note, "Verifier keys". */
  vkey: string;
  origin: string;
  /** The size of the first checkpoint that it signed. */
  firstSize: number;
}

/** The same keys with where each of them began. */
export async function keysOfLedger(executor: Executor): Promise<KeyOfLedger[]> {
  return listedKeys(executor);
}
