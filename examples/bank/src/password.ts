import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

// One of the equivalent settings of the OWASP Password Storage Cheat Sheet: 16 MiB, five times over.
const cost: ScryptOptions = { N: 2 ** 14, r: 8, p: 5 };
const keyBytes = 32;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, keyBytes, cost);
  return `${salt.toString('base64')}:${key.toString('base64')}`;
}

/** Takes as long for a user who does not exist (no hash) as for one who does, so that names cannot be found out. */
export async function isPasswordOf(hash: string | undefined, password: string): Promise<boolean> {
  const [salt = '', key = ''] = (hash ?? `${'A'.repeat(24)}:`).split(':');
  const derived = await derive(password, Buffer.from(salt, 'base64'), keyBytes, cost);
  const expected = Buffer.from(key, 'base64');
  return expected.length === derived.length && timingSafeEqual(expected, derived);
}
