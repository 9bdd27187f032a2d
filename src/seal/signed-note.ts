import { verify } from 'node:crypto';
import { SessionLedgerError } from '../errors.js';
import { verifyCosignature } from './cosignature.js';
import { ED25519_COSIGNATURE, isKeyName, type VerifierKey } from './note-key.js';
import { parseStrictBase64 } from './strict-base64.js';

/**
 * Bounds on what is read before any signature is verified. C2SP signed-note demands room for 16 signatures; post-quantum ones take
 * up to 5 KB each.
 */
const MAX_SIGNATURES = 100;
const MAX_NOTE_CHARACTERS = 1_000_000;

const SIGNATURE_LINE_START = '\u2014 ';
const KEY_ID_BYTES = 4;

/** Something that signs notes: a key in this process, or one kept in a key management service. */
export interface NoteSigner {
  readonly verifierKey: VerifierKey;
  /** Signs the text of a note and resolves to the signature's bytes, without the key id. */
  sign(text: Uint8Array): Promise<Uint8Array>;
}

/** A signature line as it was read; nothing about it has been verified. */
export interface NoteSignature {
  readonly keyName: string;
  readonly keyId: number;
  readonly signature: Buffer;
}

/** A note as it was read; nothing about it has been verified. */
export interface ParsedNote {
  /** With its final line break. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A signature that holds, by a key that the caller named. */
export interface VerifiedSignature {
  readonly key: VerifierKey;
  /** For a cosignature, the time that the witness signed, in seconds since 1970; `null` for a plain signature. */
  readonly cosignedAtPosixSeconds: bigint | null;
}

/** A note whose text may be believed as far as the keys in `signatures` are. */
export interface OpenedNote {
  readonly text: string;
  /** At least one, each key once. */
  readonly signatures: readonly VerifiedSignature[];
}

/**
 * Signs a text as a note (C2SP signed-note).
 *
 * @param text non-empty, ends in a line break, no other control character
 * @param signers at least one; a signature line each, in this order
 * @returns the note
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for a text that no note can carry
 * @example
 * await signNote('This is an example message.\n', [key]); // 'This is …\n\n— example.com/foo Uw2QOkn8…\n'
 */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  if (!isNoteText(text) || !text.endsWith('\n') || signers.length === 0) {
    throw new SessionLedgerError(
      'ERR_INVALID_INPUT',
      'a note is a text that ends in a line break, without other control characters, and at least one signature',
    );
  }
  const message = Buffer.from(text);
  const lines = await Promise.all(signers.map(async (signer) => signatureLine(signer, await signer.sign(message))));
  return `${text}\n${lines.join('')}`;
}

/**
 * Takes a note apart without verifying it. Use `openNote` to believe its text.
 *
 * @param note the note; bytes must be UTF-8
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` for anything that is not a note, and for more than 100 signatures or a million characters
 */
export function parseNote(note: string | Uint8Array): ParsedNote {
  const content = typeof note === 'string' ? note : decodedUtf8(note);
  if (content.length > MAX_NOTE_CHARACTERS) throw malformed(`it exceeds ${MAX_NOTE_CHARACTERS} characters`);
  if (!isNoteText(content)) throw malformed('it has a control character or is not well-formed Unicode');
  // The last blank line: the text itself may hold blank lines, the signatures cannot.
  const textEnd = content.lastIndexOf('\n\n');
  if (textEnd < 0) throw malformed('no blank line separates text and signatures');
  const text = content.slice(0, textEnd + 1);
  const signatureLines = content.slice(textEnd + 2);
  if (!signatureLines.endsWith('\n')) throw malformed('it does not end with a signature line and a line break');
  const lines = signatureLines.slice(0, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw malformed(`it has more than ${MAX_SIGNATURES} signatures`);
  return { text, signatures: lines.map(parseSignatureLine) };
}

/**
 * Verifies a note: signatures by unknown keys are ignored, every signature by a known key must hold, and at least one must be there
 * (C2SP signed-note, "Signatures").
 *
 * @param note the note as received
 * @param knownKeys the keys to believe
 * @returns the text and the known keys that signed it
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` when it is not a note, `ERR_EVIDENCE_REJECTED` when a known key's signature
 *   does not hold or there is none, `ERR_INVALID_INPUT` when two known keys share name and id
 * @example
 * const { text } = openNote(note, [parseVerifierKey(vkey)]);
 */
export function openNote(note: string | Uint8Array, knownKeys: readonly VerifierKey[]): OpenedNote {
  const { text, signatures } = parseNote(note);
  const keys = indexedByNameAndId(knownKeys);
  const verified = new Map<VerifierKey, VerifiedSignature>();
  for (const { keyName, keyId, signature } of signatures) {
    const key = keys.get(nameAndId(keyName, keyId));
    if (key === undefined) continue;
    const holding = verifiedSignature(key, text, signature);
    if (holding === undefined) throw rejected(`the signature of ${keyName} does not hold`);
    if (!verified.has(key)) verified.set(key, holding);
  }
  if (verified.size === 0) throw rejected('no known key has signed it');
  return { text, signatures: [...verified.values()] };
}

function verifiedSignature(key: VerifierKey, text: string, signature: Buffer): VerifiedSignature | undefined {
  if (key.signatureType === ED25519_COSIGNATURE) {
    const cosignedAtPosixSeconds = verifyCosignature(key, text, signature);
    return cosignedAtPosixSeconds === undefined ? undefined : { key, cosignedAtPosixSeconds };
  }
  return verify(null, Buffer.from(text), key.publicKey, signature) ? { key, cosignedAtPosixSeconds: null } : undefined;
}

function signatureLine(signer: NoteSigner, signature: Uint8Array): string {
  const { name, keyId } = signer.verifierKey;
  const blob = Buffer.alloc(KEY_ID_BYTES + signature.length);
  blob.writeUInt32BE(keyId);
  blob.set(signature, KEY_ID_BYTES);
  return `${SIGNATURE_LINE_START}${name} ${blob.toString('base64')}\n`;
}

function parseSignatureLine(line: string): NoteSignature {
  const nameEnd = line.indexOf(' ', SIGNATURE_LINE_START.length);
  const keyName = line.slice(SIGNATURE_LINE_START.length, nameEnd);
  const blob = parseStrictBase64(line.slice(nameEnd + 1));
  if (!line.startsWith(SIGNATURE_LINE_START) || nameEnd < 0 || !isKeyName(keyName)) {
    throw malformed('a signature line does not start with a dash and a key name');
  }
  if (blob === undefined || blob.length <= KEY_ID_BYTES) {
    throw malformed(`the signature of ${keyName} is not Base64 of a key id and a signature`);
  }
  return { keyName, keyId: blob.readUInt32BE(0), signature: blob.subarray(KEY_ID_BYTES) };
}

function indexedByNameAndId(keys: readonly VerifierKey[]): Map<string, VerifierKey> {
  const index = new Map<string, VerifierKey>();
  for (const key of keys) {
    const identity = nameAndId(key.name, key.keyId);
    if (index.has(identity)) {
      throw new SessionLedgerError(
        'ERR_INVALID_INPUT',
        `two known keys are called ${key.name} and share an id; name one of them`,
      );
    }
    index.set(identity, key);
  }
  return index;
}

function nameAndId(name: string, keyId: number): string {
  return `${name}+${keyId}`;
}

function isNoteText(text: string): boolean {
  return /^[\n\u0020-\ud7ff\ue000-\u{10ffff}]*$/u.test(text);
}

function decodedUtf8(bytes: Uint8Array): string {
  try {
    // ignoreBOM keeps a leading byte order mark as a character: it is part of what was signed.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed('it is not UTF-8', cause);
  }
}

function malformed(why: string, cause?: unknown): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_MALFORMED', `not a signed note: ${why}`, { cause });
}

function rejected(why: string): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_REJECTED', `the note is not to be believed: ${why}`);
}
