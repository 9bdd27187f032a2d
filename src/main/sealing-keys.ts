import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DataSource } from 'typeorm';
import { isReadableByOthers, type KeySetting, type SealSettings } from '../environment.js';
import { SessionLedgerError } from '../errors.js';
import { readIfPresent, writePrivateFile } from '../postgres/private-file.js';
import { listedKeys, signerOf, type KeyInHand } from '../seal/seal-keys.js';
import { publicKeyBytes } from '../seal/signing-command.js';
import { SigningKey } from '../seal/signing-key.js';

/** The keys that an instance signs with; none where another instance has them. */
export interface SealingKeys {
  readonly keys: readonly KeyInHand[];
  /** Whether the first is one that an instance made for itself: where the log turns out to have another, that is no mistake. */
  readonly isOwnMake: boolean;
}

/**
 * The key of the settings, else the one in the data directory, which is made there when the ledger has none yet; and the one that takes
 * over, if there is one.
 *
 * @throws SessionLedgerError `ERR_CONFIGURATION` for a key that cannot sign: at the start, where somebody reads it, and not at every seal.
 */
export async function sealingKeysOf(
  { key, nextKey }: SealSettings,
  dataDir: string,
  database: DataSource,
): Promise<SealingKeys> {
  const next = nextKey === undefined ? [] : [await keyInHand(nextKey, 'SESSION_LEDGER_SEAL_NEXT_')];
  const own = key === undefined ? await keyOfDirectory(join(dataDir, 'seal-key.pem'), database) : undefined;
  const current = key === undefined ? own : await keyInHand(key, 'SESSION_LEDGER_SEAL_');
  const keys = current === undefined ? [] : [current, ...next];
  for (const each of keys) signerOf('session-ledger', each);
  return { keys, isOwnMake: own !== undefined };
}

async function keyOfDirectory(file: string, database: DataSource): Promise<string | undefined> {
  const kept = await readIfPresent(file);
  if (kept !== undefined) {
    if (isReadableByOthers(file))
      throw new SessionLedgerError('ERR_CONFIGURATION', `others than its owner can read ${file}: chmod 600 ${file}`);
    return kept;
  }
  if ((await listedKeys(database)).length > 0) return undefined;
  const made = SigningKey.generate('session-ledger').toPem();
  await writePrivateFile(file, made);
  return made;
}

async function keyInHand(setting: KeySetting, prefix: string): Promise<KeyInHand> {
  if ('pem' in setting) return setting.pem;
  if ('keyCommand' in setting) return keyPrintedBy(setting.keyCommand, `${prefix}KEY_COMMAND`);
  const bytes = publicKeyBytes(setting.publicKey);
  if (bytes === undefined)
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      `${prefix}PUBLIC_KEY is no Ed25519 public key: give it in PEM, as Base64 of DER or of its 32 bytes, or as a vkey line`,
    );
  return { command: setting.signCommand, publicKeyBytes: bytes };
}

/** Through the shell, so that a setting can say `vault read ... | jq ...` as an operator would type it. */
async function keyPrintedBy(command: string, name: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', command], { timeout: 30_000 });
    return stdout;
  } catch (cause) {
    const { code = 'unknown reason' } = cause as { code?: string | number };
    // Neither the command nor what it wrote is repeated: both may hold secrets.
    throw new SessionLedgerError('ERR_CONFIGURATION', `${name} failed (${code})`);
  }
}
