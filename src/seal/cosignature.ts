import { verify } from 'node:crypto';
import type { VerifierKey } from './note-key.js';

const TIMESTAMP_BYTES = 8;
const ED25519_BYTES = 64;

/** The latest timestamp that the format allows: 2^63 - 1 (C2SP tlog-cosignature, "Format"). */
const LATEST_TIMESTAMP = 2n ** 63n - 1n;

/**
 * The bytes that a witness signs: a header, the time, and the text of the checkpoint (C2SP tlog-cosignature, "Ed25519 signed
 * message"). The header keeps a cosignature from passing as a plain signature of some other note.
 *
 * @param text the checkpoint's note text, with its final line break and without signatures
 * @param posixSeconds when the witness saw this as the largest tree of the log, in seconds since 1970
 * @example
 * cosignedMessage(text, 1679315147n); // 'cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n…'
 */
export function cosignedMessage(text: string, posixSeconds: bigint): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${posixSeconds}\n${text}`);
}

/**
 * Verifies one timestamped Ed25519 cosignature, type 0x04.
 *
 * @param key the witness's key
 * @param text the checkpoint's note text
 * @param signature the signature without the key id: 8 bytes of time, 64 bytes of Ed25519
 * @returns the time that the witness signed, in seconds since 1970, or `undefined` when the signature does not hold
 */
export function verifyCosignature(key: VerifierKey, text: string, signature: Buffer): bigint | undefined {
  if (signature.length !== TIMESTAMP_BYTES + ED25519_BYTES) return undefined;
  const posixSeconds = signature.readBigUInt64BE(0);
  if (posixSeconds > LATEST_TIMESTAMP) return undefined;
  const message = cosignedMessage(text, posixSeconds);
  return verify(null, message, key.publicKey, signature.subarray(TIMESTAMP_BYTES)) ? posixSeconds : undefined;
}
