import { createHash, randomBytes } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

/** A salted digest that stands for a value in the ledger, and the salt that opens it. */
export interface Commitment {
  /** 16 random bytes, kept beside the value on the erasable side. Without it the digest says nothing. */
  salt: Buffer;
  /** SHA-256(salt || canonical JSON of the value), 32 bytes, kept in the event. */
  commitment: Buffer;
}

const saltBytes = 16;

/**
 * Commits to a value that may be erased one day: the event keeps the commitment, the erasable row the value and the
 * salt. With both, anyone can check that the value is the one recorded; once they are erased, nobody can guess it.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT when a text is not well-formed Unicode.
 * @example
 * const { salt, commitment } = commit({ ip: '203.0.113.7', userAgent: null });
 */
export function commit(value: Record<string, string | null>): Commitment {
  const salt = randomBytes(saltBytes);
  return { salt, commitment: digest(salt, value) };
}

/**
 * Whether a value is the one that was committed to.
 *
 * @example
 * isCommitted({ ip: '203.0.113.7', userAgent: null }, stored); // true
 */
export function isCommitted(value: Record<string, string | null>, { salt, commitment }: Commitment): boolean {
  return digest(salt, value).equals(commitment);
}

function digest(salt: Buffer, value: Record<string, string | null>): Buffer {
  return createHash('sha256').update(salt).update(canonicalJson(value)).digest();
}
