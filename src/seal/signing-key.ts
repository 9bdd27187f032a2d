import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { SessionLedgerError } from '../errors.js';
import { formatVerifierKey, verifierKey, type VerifierKey } from './note-key.js';
import type { NoteSigner } from './signed-note.js';
import { parseStrictBase64 } from './strict-base64.js';

/** What precedes the seed in an Ed25519 private key in PKCS #8 (RFC 8410, section 7). */
const PKCS8_BEFORE_SEED = Buffer.from('302e020100300506032b657004220420', 'hex');
const SEED_BYTES = 32;

/**
 * The Ed25519 key (RFC 8032) with which a log signs its checkpoints.
 *
 * @example
 * const key = SigningKey.fromPem('example.com/log', await readFile('seal-key.pem', 'utf8'));
 * await signCheckpoint(checkpoint, [key]); // verified by whoever has key.vkey
 */
export class SigningKey implements NoteSigner {
  readonly verifierKey: VerifierKey;
  readonly #privateKey: KeyObject;

  private constructor(name: string, privateKey: KeyObject) {
    const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
    this.verifierKey = verifierKey(name, Buffer.from(x ?? '', 'base64url'));
    this.#privateKey = privateKey;
  }

  /**
   * Makes a new key from the system's random source. Store `toPem()` before the first signature.
   *
   * @param name the key's name, which should be the log's origin
   * @throws SessionLedgerError `ERR_INVALID_INPUT` for a name that notes cannot carry
   */
  static generate(name: string): SigningKey {
    return new SigningKey(name, generateKeyPairSync('ed25519').privateKey);
  }

  /**
   * Reads a key from unencrypted PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes it.
   *
   * @param name the key's name
   * @param pem the file's text
   * @throws SessionLedgerError `ERR_CONFIGURATION` for anything but an Ed25519 private key, `ERR_INVALID_INPUT` for a bad name
   */
  static fromPem(name: string, pem: string): SigningKey {
    let privateKey: KeyObject;
    try {
      privateKey = createPrivateKey(pem);
    } catch (cause) {
      throw new SessionLedgerError('ERR_CONFIGURATION', 'the signing key is not an unencrypted private key in PEM', {
        cause,
      });
    }
    if (privateKey.asymmetricKeyType !== 'ed25519') {
      throw new SessionLedgerError(
        'ERR_CONFIGURATION',
        `the signing key is ${privateKey.asymmetricKeyType}; it must be ed25519`,
      );
    }
    return new SigningKey(name, privateKey);
  }

  /**
   * Reads a key from its seed (the private key of RFC 8032), as secret stores pass it in one line.
   *
   * @param name the key's name
   * @param seedBase64 standard Base64 of 32 bytes
   * @throws SessionLedgerError `ERR_CONFIGURATION` for anything else, `ERR_INVALID_INPUT` for a bad name
   */
  static fromSeed(name: string, seedBase64: string): SigningKey {
    const seed = parseStrictBase64(seedBase64);
    if (seed?.length !== SEED_BYTES) {
      throw new SessionLedgerError(
        'ERR_CONFIGURATION',
        `the signing key's seed is not standard Base64 of ${SEED_BYTES} bytes`,
      );
    }
    const der = Buffer.concat([PKCS8_BEFORE_SEED, seed]);
    return new SigningKey(name, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  }

  /** The public half in one line, for verifiers (C2SP signed-note, "Verifier keys"). */
  get vkey(): string {
    return formatVerifierKey(this.verifierKey);
  }

  /** The private key as unencrypted PKCS #8 in PEM. It is the secret: write it to a file of mode 0600 and nowhere else. */
  toPem(): string {
    return this.#privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  }

  /** Signs the text of a note; 64 bytes. */
  sign(text: Uint8Array): Promise<Buffer> {
    return Promise.resolve(sign(null, text, this.#privateKey));
  }
}
