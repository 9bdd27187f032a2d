import { SessionLedgerError } from '../errors.js';
import { parseInstant, type Instant } from '../ledger/instant.js';
import { checkedZone } from '../ledger/local-time.js';

/**
 * Refuses what lies in the future: the ledger holds what happened.
 *
 * @throws SessionLedgerError ERR_INSTANT_IN_FUTURE naming the field.
 */
export function refuseFuture(at: Instant, now: Instant, field: string): void {
  if (at <= now) return;
  throw new SessionLedgerError('ERR_INSTANT_IN_FUTURE', `${field} lies in the future; ask again after it has passed`, {
    field,
  });
}

/**
 * Refuses to say what the ledger said at an instant up to which it may still grow.
 *
 * @throws SessionLedgerError ERR_NOT_SETTLED; the horizon passes an instant within about a second.
 */
export function refuseUnsettled(knownAt: Instant | null, horizon: Instant): void {
  if (knownAt === null || knownAt <= horizon) return;
  const message = `knownAt lies beyond ${horizon}, up to which the ledger is settled; ask again later, or leave knownAt out`;
  throw new SessionLedgerError('ERR_NOT_SETTLED', message, { field: 'knownAt' });
}

/**
 * Refuses a zone that there is none of, also where every instant brings its offset along: whoever misspelt it is to hear so.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT naming the field.
 */
export function refuseUnknownZone({ zone }: { zone?: string | undefined }): void {
  if (zone !== undefined) checkedZone(zone);
}

/** An instant that need not be given. @throws SessionLedgerError as `parseInstant` does. */
export function optionalInstant(text: string | undefined, zone: string | undefined, field: string): Instant | null {
  return text === undefined ? null : parseInstant(text, { zone, field });
}

/**
 * Refuses a range that is empty or runs backwards.
 *
 * @throws SessionLedgerError ERR_RANGE_REVERSED
 */
export function refuseReversed(from: Instant | null, to: Instant | null): void {
  if (from === null || to === null || from < to) return;
  throw new SessionLedgerError('ERR_RANGE_REVERSED', 'from must lie before to', { field: 'from' });
}

/**
 * A range of which neither end need be given.
 *
 * @throws SessionLedgerError ERR_RANGE_REVERSED, and as `parseInstant` does.
 */
export function optionalRange(asked: { from?: string; to?: string; zone?: string }): {
  from: Instant | null;
  to: Instant | null;
} {
  refuseUnknownZone(asked);
  const from = optionalInstant(asked.from, asked.zone, 'from');
  const to = optionalInstant(asked.to, asked.zone, 'to');
  refuseReversed(from, to);
  return { from, to };
}
