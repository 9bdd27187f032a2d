import { createHash, randomBytes, randomUUID } from 'node:crypto';

/** What a key may do. `admin` manages and reads no answers; whoever needs both holds both, by name. */
export type ApiKeyRole = (typeof apiKeyRoles)[number];

export const apiKeyRoles = ['application', 'analyst', 'compliance', 'admin'] as const;

/** A live API key as the service knows it: everything but the key. */
export interface ApiKey {
  readonly apiKeyId: string;
  readonly name: string;
  readonly roles: readonly ApiKeyRole[];
  /** The one realm it speaks of; null: any. */
  readonly realm: string | null;
  /** The applications it speaks of; null: any. */
  readonly applications: readonly string[] | null;
}

/** A key just minted, to be shown to its holder once and then forgotten. */
export interface MintedApiKey {
  readonly apiKeyId: string;
  readonly key: string;
  readonly keyDigest: Buffer;
}

// An operator may bring a key of their own for the first start, so the shape is looser than that of the minted ones. None is
// as short as a request id may be.
const keyPattern = /^[A-Za-z0-9_-]{40,256}$/;

/**
 * Mints `slk_<id>_<secret>`: the id (32 hex digits) tells whose key leaked, the secret is 256 bits from a CSPRNG, and
 * the prefix lets secret scanners recognise it.
 *
 * @example
 * const { key, keyDigest } = mintApiKey(); // key: 'slk_3f0a…_Zk3…'
 */
export function mintApiKey(): MintedApiKey {
  const apiKeyId = randomUUID();
  const key = `slk_${apiKeyId.replaceAll('-', '')}_${randomBytes(32).toString('base64url')}`;
  return { apiKeyId, key, keyDigest: digestOf(key) };
}

/**
 * SHA-256 of a key, or undefined for what cannot be one, so that no database is asked about it. A plain digest is
 * enough: nobody can search through 2^256 keys.
 */
export function apiKeyDigest(key: string): Buffer | undefined {
  return keyPattern.test(key) ? digestOf(key) : undefined;
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
