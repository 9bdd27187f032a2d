import { SessionLedgerError } from '../errors.js';
import { openCheckpoint, type CheckpointTrust, type OpenedCheckpoint } from './checkpoint.js';
import { verifyInclusion } from './inclusion-proof.js';
import { HASH_BYTES } from './merkle.js';
import { parseStrictBase64 } from './strict-base64.js';
import { parseStrictDecimal } from './strict-decimal.js';

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';

/** A leaf's place in a signed tree, in one file (C2SP tlog-proof). The leaf itself travels beside it. */
export interface TlogProof {
  /** Zero-based index of the leaf in the log. */
  readonly index: number;
  /** The audit path, the leaf's sibling first, 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
  /** The signed checkpoint, verbatim, with all its signature lines. */
  readonly checkpointNote: string;
  /** Opaque, and not covered by any signature; `null` when absent. */
  readonly extra: Uint8Array | null;
}

/** A proof that holds. */
export interface VerifiedTlogProof extends OpenedCheckpoint {
  readonly index: number;
}

/**
 * Writes a proof file, by convention `*.tlog-proof`.
 *
 * @returns the file's text
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for an index or hash that the format cannot carry
 * @example
 * formatTlogProof({ index: 0, hashes: [], checkpointNote, extra: null }); // 'c2sp.org/tlog-proof@v1\nindex 0\n\n…'
 */
export function formatTlogProof(proof: TlogProof): string {
  const { index, hashes, checkpointNote, extra } = proof;
  if (!Number.isSafeInteger(index) || index < 0 || hashes.some((hash) => hash.length !== HASH_BYTES)) {
    throw new SessionLedgerError('ERR_INVALID_INPUT', `a proof has a whole index and hashes of ${HASH_BYTES} bytes`);
  }
  const lines = [FIRST_LINE];
  if (extra !== null && extra.length > 0) lines.push(`extra ${base64(extra)}`);
  lines.push(`index ${index}`, ...hashes.map(base64), '', checkpointNote);
  return lines.join('\n');
}

/**
 * Takes a proof file apart without verifying it. Use `verifyTlogProof` to believe it.
 *
 * @param text the file's text
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` for anything but the format
 */
export function parseTlogProof(text: string): TlogProof {
  const headerEnd = text.indexOf('\n\n');
  if (headerEnd < 0) throw malformed('no empty line separates hashes and checkpoint');
  const [firstLine, ...lines] = text.slice(0, headerEnd).split('\n');
  if (firstLine !== FIRST_LINE) throw malformed(`its first line is not ${FIRST_LINE}`);
  const extra = lines[0]?.startsWith('extra ') ? base64Line(lines.shift()?.slice('extra '.length) ?? '') : null;
  const indexLine = lines.shift() ?? '';
  const index = indexLine.startsWith('index ') ? parseStrictDecimal(indexLine.slice('index '.length)) : undefined;
  if (index === undefined) throw malformed('it has no line with the index of the leaf');
  const hashes = lines.map(base64Line);
  if (hashes.some((hash) => hash.length !== HASH_BYTES)) throw malformed(`a hash has not ${HASH_BYTES} bytes`);
  return { index, hashes, checkpointNote: text.slice(headerEnd + 2), extra };
}

/**
 * Verifies a proof file: the checkpoint is signed by the log, and the leaf is under its root (C2SP tlog-proof, "Verifying a tlog
 * proof"). Whether the cosignatures suffice is the caller's policy.
 *
 * @param text the file's text
 * @param leafHash the hash of the leaf that came beside it, 32 bytes: hash the leaf, never take this from the sender
 * @param trust origin, log keys and witness keys to believe
 * @returns the place of the leaf and the checkpoint with its signatures
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` when it is not in the format, `ERR_EVIDENCE_REJECTED` when it does not hold
 * @example
 * const { index, checkpoint } = verifyTlogProof(file, leafHash(leaf), { origin, logKeys: [parseVerifierKey(vkey)] });
 */
export function verifyTlogProof(text: string, leafHash: Uint8Array, trust: CheckpointTrust): VerifiedTlogProof {
  const { index, hashes, checkpointNote } = parseTlogProof(text);
  const opened = openCheckpoint(checkpointNote, trust);
  const { size, root } = opened.checkpoint;
  if (!verifyInclusion({ index, size, leafHash, proof: hashes, root })) {
    throw new SessionLedgerError(
      'ERR_EVIDENCE_REJECTED',
      `the proof does not bind the leaf to place ${index} of the checkpoint of size ${size}`,
    );
  }
  return { index, ...opened };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function base64Line(line: string): Buffer {
  const bytes = parseStrictBase64(line);
  if (bytes === undefined || bytes.length === 0) throw malformed('a line is not standard Base64');
  return bytes;
}

function malformed(why: string): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_MALFORMED', `not a tlog-proof: ${why}`);
}
