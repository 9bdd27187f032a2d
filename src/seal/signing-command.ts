import { spawn } from 'node:child_process';
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { SessionLedgerError } from '../errors.js';
import { parseVerifierKey, verifierKey, type VerifierKey } from './note-key.js';
import type { NoteSigner } from './signed-note.js';
import { parseStrictBase64 } from './strict-base64.js';

/** A key that stays where it is, in a key management service or a module of hardware, and a command that has it sign. */
export interface SigningCommand {
  /** Run by the shell: reads the text from standard input, writes the signature (64 bytes, or their Base64) to standard output. */
  readonly command: string;
  /** Ed25519, 32 bytes. */
  readonly publicKeyBytes: Uint8Array;
}

const signatureBytes = 64;
const mostOutputBytes = 4_096;
const timeoutMs = 30_000;

/**
 * Signs by a command. What it answers is verified before it is used: a signature by another key, once published, could not be taken
 * back.
 *
 * @example
 * new CommandSigner('ledger.example/bank', { command: 'kms-sign ledger', publicKeyBytes });
 */
export class CommandSigner implements NoteSigner {
  readonly verifierKey: VerifierKey;

  constructor(
    name: string,
    private readonly signing: SigningCommand,
  ) {
    this.verifierKey = verifierKey(name, signing.publicKeyBytes);
  }

  /**
   * @throws SessionLedgerError `ERR_CONFIGURATION` when the command fails, takes longer than 30 seconds, or signs with another key.
   */
  async sign(text: Uint8Array): Promise<Buffer> {
    const said = await outputOf(this.signing.command, text);
    const signature = said.length === signatureBytes ? said : parseStrictBase64(said.toString('latin1').trim());
    if (signature?.length !== signatureBytes || !verify(null, text, this.verifierKey.publicKey, signature)) {
      throw failed('what it wrote is no Ed25519 signature of the text by the public key in the settings');
    }
    return signature;
  }
}

/**
 * Reads an Ed25519 public key in any form that it is handed out in.
 *
 * @param text SPKI in PEM, Base64 of SPKI in DER or of the 32 bytes, or a vkey line.
 * @returns its 32 bytes; undefined for anything else.
 * @example
 * publicKeyBytes(execFileSync('openssl', ['pkey', '-in', 'seal-key.pem', '-pubout'], { encoding: 'utf8' }));
 */
export function publicKeyBytes(text: string): Buffer | undefined {
  try {
    if (text.includes('-----BEGIN')) return rawBytes(createPublicKey(text));
    const bytes = parseStrictBase64(text);
    if (bytes === undefined) return parseVerifierKey(text).publicKeyBytes;
    return bytes.length === 32 ? bytes : rawBytes(createPublicKey({ key: bytes, format: 'der', type: 'spki' }));
  } catch {
    return undefined; // a form that is none of them: the caller names the setting
  }
}

function rawBytes(key: KeyObject): Buffer | undefined {
  const { crv, x } = key.export({ format: 'jwk' });
  return crv === 'Ed25519' && x !== undefined ? Buffer.from(x, 'base64url') : undefined;
}

function outputOf(command: string, input: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'pipe', 'ignore'], timeout: timeoutMs });
    const chunks: Buffer[] = [];
    let length = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= mostOutputBytes) chunks.push(chunk);
    });
    // A command that does not read everything closes its end: what it answers is judged all the same.
    child.stdin.on('error', () => undefined);
    child.on('error', ({ message }) => reject(failed(message)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(chunks));
      else reject(failed(signal === null ? `it ended with ${code}` : `it was ended by ${signal}`));
    });
    child.stdin.end(input);
  });
}

/** Neither the command nor what it wrote is repeated: both may hold secrets. */
function failed(why: string): SessionLedgerError {
  return new SessionLedgerError('ERR_CONFIGURATION', `the command that signs checkpoints failed: ${why}`);
}
