import { createHash, randomBytes } from 'node:crypto';

/*
 * A token is 64 base64url characters: 16 bytes of session id, 32 bytes of secret. The id finds the row by its primary
 * key; the secret proves possession. Only SHA-256 of the secret is ever stored: the secret is 256 random bits, so a
 * plain digest cannot be searched (OWASP ASVS 5.0 7.2.3, 11.5.1: 128 bits or more from a CSPRNG, and a UUID alone
 * does not count).
 */

const idBytes = 16;
const secretBytes = 32;
const tokenPattern = /^[A-Za-z0-9_-]{64}$/;

/** What a token stands for: which session it names, and the digest its secret must have. Holds no secret. */
export interface TokenClaim {
  /** The public session id, a lower-case UUID. */
  readonly sessionId: string;
  /** SHA-256 of the 32-byte secret. */
  readonly secretDigest: Buffer;
}

/** A token just minted, to be shown to its bearer once and then forgotten. */
export interface MintedToken extends TokenClaim {
  readonly token: string;
}

/**
 * Mints a token for a new session.
 *
 * @param bucket 0 to 63, the low six bits of the subject id; becomes the low six bits of the session id, so that all
 * rows of a user share one bucket.
 * @param mintedAtMs milliseconds since 1970 by the database's clock; becomes the time of the UUIDv7 (RFC 9562 5.7).
 *
 * @example
 * const { token, sessionId, secretDigest } = mintToken(bucketOf(subjectId), 1772590440000);
 */
export function mintToken(bucket: number, mintedAtMs: number): MintedToken {
  const id = randomBytes(idBytes);
  id.writeUIntBE(mintedAtMs, 0, 6);
  id[6] = 0x70 | (id[6]! & 0x0f);
  id[8] = 0x80 | (id[8]! & 0x3f);
  id[15] = (id[15]! & 0xc0) | (bucket & 0x3f);
  return withFreshSecret(id);
}

/**
 * Mints the next token of an existing session: same id, new secret.
 *
 * @example
 * const { token, secretDigest } = mintNextToken(claim.sessionId);
 */
export function mintNextToken(sessionId: string): MintedToken {
  return withFreshSecret(Buffer.from(sessionId.replaceAll('-', ''), 'hex'));
}

/**
 * Reads a token. Never throws: whatever is not exactly a token is `undefined`, and no database is asked about it.
 *
 * @example
 * parseToken('not a token'); // undefined
 */
export function parseToken(text: unknown): TokenClaim | undefined {
  if (typeof text !== 'string' || !tokenPattern.test(text)) {
    return undefined;
  }
  const bytes = Buffer.from(text, 'base64url');
  return { sessionId: formatUuid(bytes), secretDigest: digest(bytes.subarray(idBytes)) };
}

/**
 * The bucket of a session or subject: the low six bits of its UUID.
 *
 * @example
 * bucketOf('0192f0c1-2345-7abc-8def-0123456789ab'); // 43
 */
export function bucketOf(uuid: string): number {
  return Number.parseInt(uuid.slice(-2), 16) & 0x3f;
}

function withFreshSecret(id: Buffer): MintedToken {
  const secret = randomBytes(secretBytes);
  return {
    token: Buffer.concat([id, secret]).toString('base64url'),
    sessionId: formatUuid(id),
    secretDigest: digest(secret),
  };
}

function digest(secret: Buffer): Buffer {
  return createHash('sha256').update(secret).digest();
}

function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex', 0, idBytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
