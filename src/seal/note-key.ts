import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { SessionLedgerError } from '../errors.js';
import { parseStrictBase64 } from './strict-base64.js';

/** Signature types of C2SP signed-note that this room verifies, by their identifier bytes. */
export const ED25519_SIGNATURE = 0x01;
export const ED25519_COSIGNATURE = 0x04;

/** A signature type: a plain Ed25519 signature (a log's) or a timestamped cosignature (a witness's). */
export type SignatureType = typeof ED25519_SIGNATURE | typeof ED25519_COSIGNATURE;

/** The public half of a key that signs notes. A signature is attributed to it by name and id together. */
export interface VerifierKey {
  /** Non-empty, without Unicode spaces and `+`; by convention a URL without scheme, such as `example.com/log42`. */
  readonly name: string;
  /** The first four bytes of a hash over name, type and key, as an unsigned integer. */
  readonly keyId: number;
  readonly signatureType: SignatureType;
  /** 32 bytes (RFC 8032). */
  readonly publicKeyBytes: Buffer;
  readonly publicKey: KeyObject;
}

/**
 * Whether a text may stand as a key name in a note: not empty, no Unicode space, no `+`, no control character, well-formed.
 *
 * @example
 * isKeyName('example.com/log42'); // true
 */
export function isKeyName(name: string): boolean {
  return /^[\u0020-\u{10ffff}]+$/u.test(name) && !/[\p{White_Space}\p{Surrogate}+]/u.test(name);
}

/**
 * Makes a verifier key from its parts.
 *
 * @param name the key's name
 * @param publicKeyBytes the Ed25519 public key, 32 bytes (RFC 8032)
 * @param signatureType what the key signs: notes as such (default), or timestamped cosignatures
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for a name or key that the format forbids
 * @example
 * formatVerifierKey(verifierKey('example.com/log42', publicKeyBytes)); // 'example.com/log42+…+…'
 */
export function verifierKey(
  name: string,
  publicKeyBytes: Uint8Array,
  signatureType: SignatureType = ED25519_SIGNATURE,
): VerifierKey {
  if (!isKeyName(name))
    throw notAKey(`${JSON.stringify(name)} cannot be a key name: it is empty or has a space or a plus`);
  if (publicKeyBytes.length !== 32) throw notAKey('an Ed25519 public key has 32 bytes');
  const bytes = Buffer.from(publicKeyBytes);
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') };
  return {
    name,
    keyId: keyIdOf(name, signatureType, bytes),
    signatureType,
    publicKeyBytes: bytes,
    publicKey: createPublicKey({ key: jwk, format: 'jwk' }),
  };
}

/**
 * Reads a verifier key: `<name>+<8 lower-case hex digits of the key id>+<Base64 of type and key>` (C2SP signed-note,
 * "Verifier keys").
 *
 * @param vkey the encoded key, one line without its line break
 * @throws SessionLedgerError `ERR_INVALID_INPUT` when it is malformed, its id does not belong to its key, or its type is unknown
 * @example
 * parseVerifierKey('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k').keyId; // 0x530d903a
 */
export function parseVerifierKey(vkey: string): VerifierKey {
  // Only the first two: Base64 may itself contain a plus.
  const nameEnd = vkey.indexOf('+');
  const idEnd = vkey.indexOf('+', nameEnd + 1);
  if (nameEnd < 0 || idEnd < 0) throw notAKey('a verifier key has three parts with a plus between them');
  const name = vkey.slice(0, nameEnd);
  const id = vkey.slice(nameEnd + 1, idEnd);
  const material = parseStrictBase64(vkey.slice(idEnd + 1));
  if (material === undefined) throw notAKey('its last part is not standard Base64');
  const signatureType = material[0];
  if (signatureType !== ED25519_SIGNATURE && signatureType !== ED25519_COSIGNATURE) {
    throw notAKey('its signature type is neither Ed25519 (1) nor an Ed25519 cosignature (4)');
  }
  const key = verifierKey(name, material.subarray(1), signatureType);
  if (id !== hexOf(key.keyId)) throw notAKey(`its key id is written as ${id} but computed as ${hexOf(key.keyId)}`);
  return key;
}

/**
 * Writes a verifier key, for `parseVerifierKey` here and in other implementations.
 *
 * @example
 * formatVerifierKey(key); // 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
 */
export function formatVerifierKey(key: VerifierKey): string {
  const material = Buffer.concat([Buffer.of(key.signatureType), key.publicKeyBytes]);
  return `${key.name}+${hexOf(key.keyId)}+${material.toString('base64')}`;
}

function keyIdOf(name: string, signatureType: SignatureType, publicKeyBytes: Buffer): number {
  const material = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(signatureType), publicKeyBytes]);
  return parseInt(hash('sha256', material, 'hex').slice(0, 8), 16);
}

function hexOf(keyId: number): string {
  return keyId.toString(16).padStart(8, '0');
}

function notAKey(why: string): SessionLedgerError {
  return new SessionLedgerError('ERR_INVALID_INPUT', `not a verifier key: ${why}`);
}
