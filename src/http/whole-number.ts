import { SessionLedgerError } from '../errors.js';

/**
 * A whole number from a path: from 1, as far as JSON's numbers are exact (RFC 8259 6).
 *
 * @param field what the path calls it.
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for anything else.
 */
export function checkedWholeNumber(text: string, field: string): number {
  const number = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new SessionLedgerError('ERR_INVALID_INPUT', `${field} has to be a whole number from 1`, { field });
}
