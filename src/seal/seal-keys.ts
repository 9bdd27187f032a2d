import { hash } from 'node:crypto';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { formatVerifierKey } from './note-key.js';
import type { NoteSigner } from './signed-note.js';
import { CommandSigner, type SigningCommand } from './signing-command.js';
import { SigningKey } from './signing-key.js';

/** A key as an instance has it: an Ed25519 private key in PEM, or a command that signs with one that it never shows. */
export type KeyInHand = string | SigningCommand;

/** A public key in the list of a ledger's keys. */
export interface ListedKey {
  readonly vkey: string;
  readonly origin: string;
  /** The size of the first checkpoint that it signed: of any key but a log's first, one that a key before it signed too. */
  readonly firstSize: number;
}

const listedKeysSql = `
SELECT vkey, origin, first_size AS "firstSize" FROM session_ledger.seal_key ORDER BY added_at, first_size, vkey`;

/** Every key that has ever signed for this ledger, the oldest first. */
export async function listedKeys(executor: Executor): Promise<ListedKey[]> {
  return queryRows<ListedKey>(executor, { name: 'listed_seal_keys', text: listedKeysSql, values: [] });
}

/**
 * The signing keys of an instance, under the name of the log: the origin asked for, else the one this ledger was sealed under last,
 * else one made of the first key.
 *
 * @param keys one, or two while the second takes over from the first.
 * @throws SessionLedgerError `ERR_CONFIGURATION` for anything else than such keys.
 */
export function signersOf(
  keys: readonly KeyInHand[],
  origin: string | undefined,
  listed: readonly ListedKey[],
): { origin: string; signers: NoteSigner[] } {
  const name = origin ?? listed.at(-1)?.origin ?? originOfKey(keys[0] ?? '');
  return { origin: name, signers: keys.map((key) => signerOf(name, key)) };
}

/** A key under a name. */
export function signerOf(name: string, key: KeyInHand): NoteSigner {
  return typeof key === 'string' ? SigningKey.fromPem(name, key) : new CommandSigner(name, key);
}

/** A name that no other ledger has: whoever runs this one can choose a better one before the first seal. */
function originOfKey(key: KeyInHand): string {
  const { publicKeyBytes } = signerOf('session-ledger', key).verifierKey;
  return `session-ledger.invalid/${hash('sha256', publicKeyBytes, 'hex').slice(0, 16)}`;
}

/**
 * The keys of these signers that are not on the list of the log yet. They join it with the first checkpoint that they sign, so that
 * what proves that an older key meant them exists when they are listed.
 */
export function newcomersOf(origin: string, signers: readonly NoteSigner[], listed: readonly ListedKey[]): string[] {
  const known = new Set(listed.filter((key) => key.origin === origin).map(({ vkey }) => vkey));
  return signers.map(({ verifierKey }) => formatVerifierKey(verifierKey)).filter((vkey) => !known.has(vkey));
}

/** The keys that a log is sealed with, where none of these signers is among them; none when they may seal it. */
export function keysOfOthers(origin: string, signers: readonly NoteSigner[], listed: readonly ListedKey[]): string[] {
  if (newcomersOf(origin, signers, listed).length < signers.length) return [];
  return listed.filter((key) => key.origin === origin).map(({ vkey }) => vkey);
}
