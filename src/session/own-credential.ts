import { parseToken } from '../token/session-token.js';

const tokenSized = /(?<![\w-])[\w-]{64}(?![\w-])/g;
// As the service mints them (operator/api-key.ts).
const apiKey = /slk_[0-9a-f]{32}_[\w-]{43}/;

/**
 * Which credential of this package a text holds. Whatever else it says, it is in the wrong place: nobody looks for it
 * there, and what is kept can be read by whoever reads the ledger.
 *
 * @example
 * ownCredentialIn('case 17'); // undefined
 */
export function ownCredentialIn(text: string): 'a session token' | 'an API key' | undefined {
  if (apiKey.test(text)) return 'an API key';
  return text.match(tokenSized)?.some(isSessionToken) ? 'a session token' : undefined;
}

/** A session id is a UUIDv7 of these decades; 64 characters of hex or base64url that are something else hardly ever are. */
function isSessionToken(text: string): boolean {
  const id = parseToken(text)?.sessionId;
  return id !== undefined && /^0[12].{12}7.{4}[89ab]/.test(id);
}
