import { SessionLedgerError, type SessionLedgerErrorCode } from '../errors.js';

const longest = 255;

/**
 * Checks a user id: 1 to 255 characters, counted as PostgreSQL counts them (code points), any Unicode except control
 * characters (general category Cc). Taken byte for byte: no trimming, no case folding, no normalisation, because two
 * ids that the application tells apart are two users.
 *
 * @throws SessionLedgerError ERR_INVALID_USER_ID naming the field.
 * @example
 * checkedUserId('alice@example.org'); // 'alice@example.org'
 */
export function checkedUserId(userId: unknown, field = 'userId'): string {
  return checked(userId, field, 'ERR_INVALID_USER_ID');
}

/**
 * Checks the name of a realm or an application, or who records: the same rules as for user ids.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT naming the field.
 * @example
 * checkedName('customers', 'realm'); // 'customers'
 */
export function checkedName(name: unknown, field: string): string {
  return checked(name, field, 'ERR_INVALID_INPUT');
}

function checked(text: unknown, field: string, code: SessionLedgerErrorCode): string {
  const fault = faultOf(text);
  if (fault !== undefined) throw new SessionLedgerError(code, `${field} ${fault}`, { field });
  return text as string;
}

function faultOf(text: unknown): string | undefined {
  if (typeof text !== 'string') return 'must be a text';
  if (text.length === 0) return 'must not be empty';
  if (/\p{Cc}/u.test(text)) return 'must not contain control characters';
  // A lone surrogate has no UTF-8: the driver would store U+FFFD instead, and two different ids would become one.
  if (/\p{Cs}/u.test(text)) return 'must be well-formed Unicode, without lone surrogates';
  if (text.length > longest && [...text].length > longest) return `must have at most ${longest} characters`;
  return undefined;
}
