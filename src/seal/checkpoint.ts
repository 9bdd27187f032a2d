import { SessionLedgerError } from '../errors.js';
import { HASH_BYTES } from './merkle.js';
import type { VerifierKey } from './note-key.js';
import { openNote, signNote, type NoteSigner, type VerifiedSignature } from './signed-note.js';
import { parseStrictBase64 } from './strict-base64.js';
import { parseStrictDecimal } from './strict-decimal.js';

/** The head of a log's tree (C2SP tlog-checkpoint). It carries no time. */
export interface Checkpoint {
  /** Which log this is; by convention a URL without scheme and the name of the log's key. */
  readonly origin: string;
  /** The number of leaves. */
  readonly size: number;
  /** 32 bytes: the root over all leaves (RFC 6962). */
  readonly root: Buffer;
  /** Further signed lines, each non-empty. This ledger writes none. */
  readonly extensions: readonly string[];
}

/** Whose checkpoints to believe. */
export interface CheckpointTrust {
  /** The origin line that the checkpoint must have. */
  readonly origin: string;
  /** The log's keys; one of them must have signed. */
  readonly logKeys: readonly VerifierKey[];
  /** Witnesses whose cosignatures to report; how many are enough is the caller's policy. */
  readonly witnessKeys?: readonly VerifierKey[];
}

/** A checkpoint that the log has signed. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** By the log's keys, at least one. */
  readonly logSignatures: readonly VerifiedSignature[];
  /** By the witnesses' keys, possibly none. */
  readonly cosignatures: readonly VerifiedSignature[];
}

/**
 * Writes the text that is signed: origin, size, root in Base64, extensions, each on its line.
 *
 * @returns the note text, with its final line break
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for a checkpoint that the format cannot carry
 * @example
 * formatCheckpoint({ origin: 'example.com/log', size: 0, root: emptyRoot(), extensions: [] });
 * // 'example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n'
 */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root, extensions } = checkpoint;
  const ownLines = [origin, ...extensions];
  if (ownLines.some((line) => line === '' || line.includes('\n'))) {
    throw new SessionLedgerError(
      'ERR_INVALID_INPUT',
      'origin and extensions of a checkpoint are one non-empty line each',
    );
  }
  if (!Number.isSafeInteger(size) || size < 0 || root.length !== HASH_BYTES) {
    throw new SessionLedgerError(
      'ERR_INVALID_INPUT',
      `a checkpoint has a whole size and a root of ${HASH_BYTES} bytes`,
    );
  }
  return [origin, String(size), root.toString('base64'), ...extensions, ''].join('\n');
}

/**
 * Reads the text of a checkpoint whose note was opened.
 *
 * @param text the note text, with its final line break
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` for anything but the one spelling that the format allows
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const afterLastBreak = lines.pop();
  const [origin, sizeText, rootText, ...extensions] = lines;
  if (afterLastBreak !== '' || origin === undefined || sizeText === undefined || rootText === undefined) {
    throw malformed('it has fewer than three lines');
  }
  if (lines.includes('')) throw malformed('it has an empty line');
  const size = parseStrictDecimal(sizeText);
  if (size === undefined) throw malformed('its size is not a decimal number without leading zeros, at most 2^53 - 1');
  const root = parseStrictBase64(rootText);
  if (root?.length !== HASH_BYTES) throw malformed(`its root is not standard Base64 of ${HASH_BYTES} bytes`);
  return { origin, size, root, extensions };
}

/**
 * Signs a checkpoint. Sign only what is committed, and never two heads that are inconsistent with each other: a signature cannot
 * be taken back.
 *
 * @param checkpoint the head
 * @param signers the log's keys, at least one
 * @returns the signed note, to be published as it is
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for a checkpoint that the format cannot carry
 * @example
 * await signCheckpoint({ origin, size: tree.size, root: tree.root(), extensions: [] }, [key]);
 */
export async function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): Promise<string> {
  return signNote(formatCheckpoint(checkpoint), signers);
}

/**
 * Verifies a signed checkpoint: a key of the log signed it, every signature by a known key holds, and it is of the log asked for.
 *
 * @param note the signed note as received
 * @param trust origin, log keys and witness keys to believe
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` when it is not a signed checkpoint, `ERR_EVIDENCE_REJECTED` when it is not
 *   signed by the log, or of another log, or a known key's signature does not hold
 * @example
 * const { checkpoint } = openCheckpoint(note, { origin: 'example.com/log', logKeys: [parseVerifierKey(vkey)] });
 */
export function openCheckpoint(note: string | Uint8Array, trust: CheckpointTrust): OpenedCheckpoint {
  const { origin, logKeys, witnessKeys = [] } = trust;
  const { text, signatures } = openNote(note, [...logKeys, ...witnessKeys]);
  const logSignatures = signatures.filter((signature) => logKeys.includes(signature.key));
  // A witness vouches for growth, not for authorship: its signature alone does not make a checkpoint of the log.
  if (logSignatures.length === 0) throw rejected('no key of the log has signed it');
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== origin) throw rejected(`it is of ${checkpoint.origin}, not of ${origin}`);
  const cosignatures = signatures.filter((signature) => !logKeys.includes(signature.key));
  return { checkpoint, logSignatures, cosignatures };
}

function malformed(why: string): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_MALFORMED', `not a checkpoint: ${why}`);
}

function rejected(why: string): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_REJECTED', `the checkpoint is not to be believed: ${why}`);
}
