import { Temporal } from '@js-temporal/polyfill';
import { checkedZone } from '../ledger/local-time.js';

/** The zone of whoever sits before this machine. */
export function ownZone(): string {
  return Temporal.Now.timeZoneId();
}

/**
 * The zone that times are shown in: the one asked for, else that of whoever sits before this machine.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT for a name that is no zone.
 */
export function shownZone(asked: string | undefined): string {
  return asked === undefined ? ownZone() : checkedZone(asked);
}

/**
 * An instant in a zone, with the offset that held there, so that the hour that happens twice stays two.
 *
 * @example
 * inZone('2026-03-04T02:14:00.000000Z', 'Europe/Berlin'); // '2026-03-04 03:14:00.000000+01:00'
 */
export function inZone(instant: string | null, zone: string): string | null {
  if (instant === null) return null;
  const local = Temporal.Instant.from(instant).toZonedDateTimeISO(zone);
  return local.toString({ fractionalSecondDigits: 6, timeZoneName: 'never' }).replace('T', ' ');
}
