import { SessionLedgerError, type SessionLedgerErrorCode } from '../errors.js';
import { daysSince1970, writeDay } from './gregorian-day.js';
import { readLocalTime, type LocalReadings } from './local-time.js';

/**
 * A point in time as the ledger writes it: RFC 3339 in UTC with six fraction digits, `2026-03-04T02:14:00.000000Z`,
 * years 0001 to 9999. Two instants compare as strings. Never a JavaScript Date: that would drop the microseconds.
 */
export type Instant = string & { readonly __instant: true };

const instantPattern =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?([Zz]|[+\- ]\d{2}:\d{2})?(?:\[([^[\]]{1,64})\])?$/;
const postgresPattern = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?\+00$/;
const canonicalPattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})\.(\d{6})Z$/;
const microsecondsPerDay = 86_400_000_000n;
const microsecondsPerMinute = 60_000_000n;
const firstMicrosecond = -62_135_596_800_000_000n; // 0001-01-01T00:00:00Z
const lastMicrosecond = 253_402_300_799_999_999n; // 9999-12-31T23:59:59.999999Z

/**
 * Reads an instant that somebody typed or sent.
 *
 * Accepted: RFC 3339 with an offset and at most six fraction digits (`Z`, `+01:00`; a space where `+` was meant, as a
 * URL decoder leaves it, is read as `+`); a local time without offset when a zone says whose it is, either as
 * `options.zone` or as a suffix `[Europe/Berlin]` (RFC 9557). A local time may leave its seconds out.
 *
 * Refused: no offset and no zone, `:60`, `24:00`, days that do not exist, years outside 0001 to 9999, and local times
 * that a change of the clocks made ambiguous or skipped: those with both readings, for the asker to choose.
 *
 * @param options.zone an IANA time zone, used only when the text carries neither offset nor zone.
 * @param options.field the name of the input that errors are to blame; `at` when omitted.
 * @throws SessionLedgerError ERR_INVALID_INSTANT, ERR_AMBIGUOUS_LOCAL_TIME, ERR_SKIPPED_LOCAL_TIME
 * @example
 * parseInstant('2026-03-04T02:14:00+01:00'); // '2026-03-04T01:14:00.000000Z'
 * parseInstant('2026-03-04 02:14', { zone: 'Europe/Berlin' }); // '2026-03-04T01:14:00.000000Z'
 */
export function parseInstant(text: string, options: { zone?: string; field?: string } = {}): Instant {
  const field = options.field ?? 'at';
  const match = instantPattern.exec(text);
  if (match === null) {
    throw refusal('ERR_INVALID_INSTANT', field, 'is not an instant; write it like 2026-03-04T02:14:00+01:00');
  }
  const [, year, month, day, hour, minute, second, fraction, offset, suffix] = match;
  if (hour === '24' || second === '60') {
    throw refusal(
      'ERR_INVALID_INSTANT',
      field,
      'uses 24:00 or a second of 60; write the same instant as the next minute',
    );
  }
  if (fraction !== undefined && fraction.length > 7) {
    throw refusal('ERR_INVALID_INSTANT', field, 'has more than six fraction digits; the ledger keeps microseconds');
  }
  if (offset !== undefined && second === undefined) {
    throw refusal('ERR_INVALID_INSTANT', field, 'has no seconds; RFC 3339 requires them');
  }
  const local = countMicroseconds(year!, month!, day!, hour!, minute!, second ?? '00', (fraction ?? '').slice(1));
  if (local === undefined) throw refusal('ERR_INVALID_INSTANT', field, 'names a day or time that does not exist');
  if (offset !== undefined) return readOffset(local, offset.replace(' ', '+'), suffix, field);
  const zone = suffix ?? options.zone;
  if (zone === undefined) {
    throw refusal('ERR_INVALID_INSTANT', field, 'says no offset; add one, such as Z or +01:00, or give a zone');
  }
  return readZoned(local, zone, field);
}

/**
 * Reads a timestamptz as PostgreSQL prints it in a session whose time zone is UTC and whose DateStyle is ISO.
 *
 * @throws RangeError for anything else (infinity, BC, another zone): the connection's pins are broken then.
 * @example
 * instantFromPostgres('2026-03-04 02:14:00.5+00'); // '2026-03-04T02:14:00.500000Z'
 */
export function instantFromPostgres(text: string): Instant {
  // As nine of ten are printed: with six digits of the fraction. The pattern takes three times as long.
  if (text.length === 29 && text[10] === ' ' && text[19] === '.' && text.endsWith('+00'))
    return `${text.slice(0, 10)}T${text.slice(11, 26)}Z` as Instant;
  const match = postgresPattern.exec(text);
  if (match === null) throw new RangeError(`not a UTC timestamp of a pinned connection: ${text}`);
  return `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z` as Instant;
}

/**
 * Microseconds since 1970-01-01T00:00:00Z.
 *
 * @example
 * microsecondsOf('1970-01-01T00:00:00.000001Z' as Instant); // 1n
 */
export function microsecondsOf(instant: Instant): bigint {
  const match = canonicalPattern.exec(instant);
  const microseconds =
    match && countMicroseconds(match[1]!, match[2]!, match[3]!, match[4]!, match[5]!, match[6]!, match[7]!);
  if (microseconds === null || microseconds === undefined) throw new RangeError('not an instant of the ledger');
  return microseconds;
}

/**
 * The instant that many microseconds after 1970-01-01T00:00:00Z.
 *
 * @throws SessionLedgerError ERR_INVALID_INSTANT outside the years 0001 to 9999.
 * @example
 * instantFromMicroseconds(1n); // '1970-01-01T00:00:00.000001Z'
 */
export function instantFromMicroseconds(microseconds: bigint): Instant {
  return write(microseconds, 'at');
}

/**
 * The instant `microseconds` later; earlier when negative.
 *
 * @throws SessionLedgerError ERR_INVALID_INSTANT when the result leaves the years 0001 to 9999.
 * @example
 * addMicroseconds('2026-03-04T02:14:00.000000Z' as Instant, -1n); // '2026-03-04T02:13:59.999999Z'
 */
export function addMicroseconds(instant: Instant, microseconds: bigint): Instant {
  return write(microsecondsOf(instant) + microseconds, 'at');
}

/** As though the fields were UTC; undefined when there is no such day or time of day. */
function countMicroseconds(
  year: string,
  month: string,
  day: string,
  hour: string,
  minute: string,
  second: string,
  fraction: string,
): bigint | undefined {
  const days = daysSince1970(Number(year), Number(month), Number(day));
  if (days === undefined || hour > '23' || minute > '59' || second > '59') return undefined;
  const secondOfDay = Number(hour) * 3_600 + Number(minute) * 60 + Number(second);
  return BigInt(days) * microsecondsPerDay + BigInt(secondOfDay * 1_000_000 + Number(fraction.padEnd(6, '0')));
}

function readOffset(local: bigint, offset: string, suffix: string | undefined, field: string): Instant {
  if (offset === 'Z' || offset === 'z') return write(local, field);
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(4, 6));
  if (hours > 23 || minutes > 59) {
    throw refusal('ERR_INVALID_INSTANT', field, `has the offset ${offset}; offsets go from -23:59 to +23:59`);
  }
  const magnitude = BigInt(hours * 60 + minutes) * microsecondsPerMinute;
  const at = local - (offset.startsWith('-') ? -magnitude : magnitude);
  if (suffix !== undefined && !couldMean(readings(local, suffix, field), at)) {
    throw refusal(
      'ERR_INVALID_INSTANT',
      field,
      `says ${offset}, but [${suffix}] had another offset then; leave one out`,
    );
  }
  return write(at, field);
}

function couldMean(read: LocalReadings, at: bigint): boolean {
  return read.kind === 'once' ? read.at === at : read.kind === 'twice' && (read.earlier === at || read.later === at);
}

function readZoned(local: bigint, zone: string, field: string): Instant {
  const read = readings(local, zone, field);
  if (read.kind === 'once') return write(read.at, field);
  const [earlier, later] = [write(read.earlier, field), write(read.later, field)];
  throw read.kind === 'skipped'
    ? refusal(
        'ERR_SKIPPED_LOCAL_TIME',
        field,
        `did not happen in ${zone}: the clocks skipped it; did you mean ${earlier} or ${later}?`,
      )
    : refusal('ERR_AMBIGUOUS_LOCAL_TIME', field, `happened twice in ${zone}; say which: ${earlier} or ${later}`);
}

function readings(local: bigint, zone: string, field: string): LocalReadings {
  try {
    return readLocalTime(local, zone);
  } catch (cause) {
    throw refusal(
      'ERR_INVALID_INSTANT',
      field,
      'names an unknown time zone; use an IANA name such as Europe/Berlin',
      cause,
    );
  }
}

function write(microseconds: bigint, field: string): Instant {
  if (microseconds < firstMicrosecond || microseconds > lastMicrosecond) {
    throw refusal('ERR_INVALID_INSTANT', field, 'lies outside the years 0001 to 9999');
  }
  const sinceFirst = microseconds - firstMicrosecond; // not negative, so that division rounds down
  const microsecondOfDay = Number(sinceFirst % microsecondsPerDay);
  const day = writeDay(Number(sinceFirst / microsecondsPerDay + firstMicrosecond / microsecondsPerDay));
  const second = Math.floor(microsecondOfDay / 1_000_000);
  const time = [Math.floor(second / 3_600), Math.floor(second / 60) % 60, second % 60].map(twoDigits).join(':');
  return `${day}T${time}.${String(microsecondOfDay % 1_000_000).padStart(6, '0')}Z` as Instant;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

function refusal(code: SessionLedgerErrorCode, field: string, what: string, cause?: unknown): SessionLedgerError {
  return new SessionLedgerError(code, `${field} ${what}`, { field, ...(cause === undefined ? {} : { cause }) });
}
