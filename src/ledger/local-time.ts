import { Temporal } from '@js-temporal/polyfill';
import { LRUCache } from 'lru-cache';
import { SessionLedgerError } from '../errors.js';

/** What a local time can mean, in microseconds since 1970 UTC: one reading, two, or two for a time that was skipped. */
export type LocalReadings =
  | { kind: 'once'; at: bigint }
  | { kind: 'twice'; earlier: bigint; later: bigint }
  | { kind: 'skipped'; earlier: bigint; later: bigint };

const nanosecondsPerMicrosecond = 1_000n;
const microsecondsPerHour = 3_600_000_000n;
// No zone of the IANA database has ever changed its offset twice within 50 hours.
const stretches = [24n * microsecondsPerHour, microsecondsPerHour];

// The offset that holds during all of a local day, or hour; null when the clocks change in it. A look-up through Temporal
// takes 400 microseconds (measured), and the rows of a list mostly fall into the same days.
const offsets = new LRUCache<string, { offset: bigint | null }>({ max: 20_000 });

/**
 * Reads a local time in a time zone.
 *
 * @param local microseconds since 1970-01-01 00:00 on the zone's own clocks.
 * @throws RangeError when there is no such zone.
 * @example
 * readLocalTime(local, 'Europe/Berlin'); // { kind: 'once', at: 1772586840000000n }
 */
export function readLocalTime(local: bigint, zone: string): LocalReadings {
  for (const length of stretches) {
    const first = local - (((local % length) + length) % length);
    const offset = offsetThroughout(first, length, zone);
    if (offset !== null) return { kind: 'once', at: local - offset };
  }
  return askTemporal(local, zone);
}

/**
 * A time zone's name, as it was given.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT for one that the IANA database does not have.
 * @example
 * checkedZone('Europe/Berlin'); // 'Europe/Berlin'
 */
export function checkedZone(zone: string): string {
  try {
    readLocalTime(0n, zone);
    return zone;
  } catch (cause) {
    const message = 'zone names no time zone; use an IANA name such as Europe/Berlin';
    throw new SessionLedgerError('ERR_INVALID_INPUT', message, { field: 'zone', cause });
  }
}

function offsetThroughout(first: bigint, length: bigint, zone: string): bigint | null {
  const key = `${first} ${length} ${zone}`;
  let known = offsets.get(key);
  if (known === undefined) offsets.set(key, (known = { offset: commonOffset(first, first + length - 1n, zone) }));
  return known.offset;
}

/** The offset at both ends, and so in between. */
function commonOffset(first: bigint, last: bigint, zone: string): bigint | null {
  const atFirst = askTemporal(first, zone);
  const atLast = askTemporal(last, zone);
  if (atFirst.kind !== 'once' || atLast.kind !== 'once') return null;
  return first - atFirst.at === last - atLast.at ? first - atFirst.at : null;
}

function askTemporal(local: bigint, zone: string): LocalReadings {
  const wallClock = Temporal.Instant.fromEpochNanoseconds(local * nanosecondsPerMicrosecond)
    .toZonedDateTimeISO('UTC')
    .toPlainDateTime();
  const earlier = wallClock.toZonedDateTime(zone, { disambiguation: 'earlier' });
  const later = wallClock.toZonedDateTime(zone, { disambiguation: 'later' });
  const [from, to] = [microsecondsAt(earlier), microsecondsAt(later)];
  if (from === to) return { kind: 'once', at: from };
  // Of a skipped time, Temporal gives the wall-clock times before and after the gap instead.
  const isSkipped = !earlier.toPlainDateTime().equals(wallClock);
  return { kind: isSkipped ? 'skipped' : 'twice', earlier: from, later: to };
}

function microsecondsAt(time: Temporal.ZonedDateTime): bigint {
  return time.epochNanoseconds / nanosecondsPerMicrosecond;
}
