import { SessionLedgerError } from '../errors.js';

/** One page of a list. `next` asks for the page behind it; null at the end. */
export interface Page<Item> {
  items: Item[];
  next: string | null;
}

/** Where to read on, and how much. */
export interface PageAsked {
  /** `next` of the page before. */
  after?: string;
  /** Items at most: 1 to 1000, 100 when omitted. */
  limit?: number;
}

const usualLimit = 100;
const highestLimit = 1000;

/**
 * The number of items a page may have.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT for anything but a whole number from 1 to 1000.
 * @example
 * checkedLimit(undefined); // 100
 */
export function checkedLimit(limit: number | undefined): number {
  if (limit === undefined) return usualLimit;
  if (Number.isInteger(limit) && limit >= 1 && limit <= highestLimit) return limit;
  throw new SessionLedgerError('ERR_INVALID_INPUT', `limit must be a whole number from 1 to ${highestLimit}`, {
    field: 'limit',
  });
}
