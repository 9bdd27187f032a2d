import { Temporal } from '@js-temporal/polyfill';
import fc from 'fast-check';
import {
  addMicroseconds,
  instantFromMicroseconds,
  instantFromPostgres,
  microsecondsOf,
  parseInstant,
  type Instant,
} from '../../src/ledger/instant.js';
import { SessionLedgerError } from '../../src/errors.js';

const codeOf = (work: () => unknown): string => {
  try {
    return String(work());
  } catch (failure) {
    return failure instanceof SessionLedgerError ? failure.code : String(failure);
  }
};
const berlin = { zone: 'Europe/Berlin' };

describe('an instant', () => {
  it.each([
    ['2026-03-04T02:14:00Z', '2026-03-04T02:14:00.000000Z'],
    ['2026-03-04t02:14:00z', '2026-03-04T02:14:00.000000Z'],
    ['2026-03-04 02:14:00Z', '2026-03-04T02:14:00.000000Z'],
    ['2026-03-04T02:14:00.5+01:00', '2026-03-04T01:14:00.500000Z'],
    ['2026-03-04T02:14:00 01:00', '2026-03-04T01:14:00.000000Z'],
    ['2026-03-04 02:14:00 01:00', '2026-03-04T01:14:00.000000Z'],
    ['2026-03-04T00:14:00.000001-05:30', '2026-03-04T05:44:00.000001Z'],
    ['2026-03-04T02:14:00-00:00', '2026-03-04T02:14:00.000000Z'],
    ['2024-02-29T23:59:59.999999Z', '2024-02-29T23:59:59.999999Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
    ['2026-03-04T02:14:00+01:00[Europe/Berlin]', '2026-03-04T01:14:00.000000Z'],
  ])('is read from %s', (text, instant) => {
    expect(parseInstant(text)).toBe(instant);
  });

  it.each([
    '2026-03-04T02:14:00',
    '2026-03-04',
    '2026-03-04T02:14Z',
    '2026-03-04T02:14:60Z',
    '2026-12-31T23:59:60Z',
    '2026-03-04T24:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-03-04T02:60:00Z',
    '2026-03-04T25:00:00Z',
    '2026-03-04T02:14:00.1234567Z',
    '2026-03-04T02:14:00.Z',
    '2026-03-04T02:14:00+24:00',
    '2026-03-04T02:14:00+01:60',
    '2026-03-04T02:14:00+0100',
    '2026-03-04T02:14:00+01:00[Europe/London]',
    '0000-12-31T23:59:59Z',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
    '10000-01-01T00:00:00Z',
    ' 2026-03-04T02:14:00Z',
    '2026-03-04T02:14:00Z\n',
    '1772590440',
    'now',
    'infinity',
    '',
  ])('is not %j', (text) => {
    expect(codeOf(() => parseInstant(text))).toBe('ERR_INVALID_INSTANT');
  });

  it('is refused in words that name the input and not its value', () => {
    expect(() => parseInstant('<script>', { field: 'knownAt' })).toThrow(/^knownAt is not an instant/);
    expect(() => parseInstant('<script>', { field: 'knownAt' })).not.toThrow(/script/);
    expect(() => parseInstant('x', { field: 'from' })).toThrow(expect.objectContaining({ field: 'from' }));
  });

  it.each([
    ['2026-03-04T02:14:00', '2026-03-04T01:14:00.000000Z'],
    ['2026-03-04 02:14', '2026-03-04T01:14:00.000000Z'],
    ['2026-07-04T02:14:00.000001', '2026-07-04T00:14:00.000001Z'],
    ['2026-03-04T02:14:00Z', '2026-03-04T02:14:00.000000Z'],
    ['2026-03-04T02:14:00[America/New_York]', '2026-03-04T07:14:00.000000Z'],
  ])('is read from local time %s in Berlin', (text, instant) => {
    expect(parseInstant(text, berlin)).toBe(instant);
  });

  it('that the clocks went through twice is refused with both readings', () => {
    expect(codeOf(() => parseInstant('2026-10-25T02:30:00', berlin))).toBe('ERR_AMBIGUOUS_LOCAL_TIME');
    expect(() => parseInstant('2026-10-25T02:30:00', berlin)).toThrow(
      /2026-10-25T00:30:00\.000000Z or 2026-10-25T01:30:00\.000000Z/,
    );
    expect(parseInstant('2026-10-25T02:30:00+02:00', berlin)).toBe('2026-10-25T00:30:00.000000Z');
    expect(parseInstant('2026-10-25T02:30:00+01:00[Europe/Berlin]')).toBe('2026-10-25T01:30:00.000000Z');
    expect(parseInstant('2026-10-25T03:00:00', berlin)).toBe('2026-10-25T02:00:00.000000Z');
  });

  it('that the clocks skipped is refused with both readings', () => {
    expect(codeOf(() => parseInstant('2026-03-29T02:30:00', berlin))).toBe('ERR_SKIPPED_LOCAL_TIME');
    expect(() => parseInstant('2026-03-29T02:30:00', berlin)).toThrow(
      /2026-03-29T00:30:00\.000000Z or 2026-03-29T01:30:00\.000000Z/,
    );
    expect(parseInstant('2026-03-29T03:00:00', berlin)).toBe('2026-03-29T01:00:00.000000Z');
  });

  it.each(['Mars/Olympus', '', 'Europe/', '[x]'])('is refused in the unknown zone %j', (zone) => {
    expect(codeOf(() => parseInstant('2026-03-04T02:14:00', { zone }))).toBe('ERR_INVALID_INSTANT');
  });

  it('goes to microseconds and back without losing one', () => {
    const anyInstant = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
    fc.assert(
      fc.property(anyInstant, (microseconds) => {
        const instant = instantFromMicroseconds(microseconds);
        expect(microsecondsOf(instant)).toBe(microseconds);
        expect(parseInstant(instant)).toBe(instant);
      }),
    );
  });

  it('is dated as the Temporal proposal dates it, on any day of ten thousand years', () => {
    const anyInstant = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
    fc.assert(
      fc.property(anyInstant, (microseconds) => {
        const reference = Temporal.Instant.fromEpochNanoseconds(microseconds * 1_000n);
        expect(instantFromMicroseconds(microseconds)).toBe(reference.toString({ fractionalSecondDigits: 6 }));
      }),
      { numRuns: 2_000 },
    );
  });

  it('has a day exactly when the calendar has it', () => {
    const anyDay = fc.tuple(
      fc.integer({ min: 1, max: 9_998 }),
      fc.integer({ min: 0, max: 13 }),
      fc.integer({ min: 0, max: 32 }),
    );
    fc.assert(
      fc.property(anyDay, ([year, month, day]) => {
        const text = [String(year).padStart(4, '0'), String(month).padStart(2, '0'), String(day).padStart(2, '0')].join(
          '-',
        );
        const exists = codeOf(() => Temporal.PlainDate.from({ year, month, day }, { overflow: 'reject' })) === text;
        expect(codeOf(() => parseInstant(`${text}T00:00:00Z`)).startsWith(text)).toBe(exists);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Africa/Casablanca',
    'America/Sao_Paulo',
  ])('is read from local time in %s as the Temporal proposal reads it, around every change of the clocks', (zone) => {
    const changes: bigint[] = [];
    let at: Temporal.ZonedDateTime | null = Temporal.ZonedDateTime.from(`1970-01-01T00:00[${zone}]`);
    while ((at = at.getTimeZoneTransition('next')) !== null && at.year < 2040) {
      changes.push(at.epochNanoseconds / 1_000n + BigInt(at.offsetNanoseconds) / 1_000n);
    }
    const minutes = fc.integer({ min: -150, max: 150 });
    const anyChange = fc.constantFrom(...(changes.length > 0 ? changes : [0n]));
    fc.assert(
      fc.property(anyChange, minutes, (change, shift) => {
        const local = instantFromMicroseconds(change + BigInt(shift) * 60_000_000n).slice(0, -1);
        const read = (disambiguation: 'earlier' | 'later'): string =>
          Temporal.PlainDateTime.from(local)
            .toZonedDateTime(zone, { disambiguation })
            .toInstant()
            .toString({ fractionalSecondDigits: 6 });
        const answer = codeOf(() => parseInstant(local, { zone }));
        const isOne = read('earlier') === read('later');
        expect(answer).toMatch(isOne ? read('earlier') : /^ERR_(AMBIGUOUS|SKIPPED)_LOCAL_TIME$/);
      }),
      { numRuns: 300 },
    );
  });

  it('compares as text like its microseconds', () => {
    const anyInstant = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
    fc.assert(
      fc.property(anyInstant, anyInstant, (one, other) => {
        expect(instantFromMicroseconds(one) < instantFromMicroseconds(other)).toBe(one < other);
      }),
    );
  });

  it('does not leave the years it can be written in', () => {
    expect(addMicroseconds('2026-03-04T02:14:00.000000Z' as Instant, -1n)).toBe('2026-03-04T02:13:59.999999Z');
    expect(codeOf(() => addMicroseconds('9999-12-31T23:59:59.999999Z' as Instant, 1n))).toBe('ERR_INVALID_INSTANT');
  });

  it.each([
    ['2026-03-04 02:14:00+00', '2026-03-04T02:14:00.000000Z'],
    ['2026-03-04 02:14:00.5+00', '2026-03-04T02:14:00.500000Z'],
    ['2026-03-04 02:14:00.000001+00', '2026-03-04T02:14:00.000001Z'],
  ])('is read from what PostgreSQL prints: %s', (text, instant) => {
    expect(instantFromPostgres(text)).toBe(instant);
  });

  it.each(['infinity', '-infinity', '2026-03-04 02:14:00+01', '0044-03-15 12:00:00+00 BC', '10000-01-01 00:00:00+00'])(
    'is not taken from %s, which a pinned connection never prints',
    (text) => {
      expect(() => instantFromPostgres(text)).toThrow(RangeError);
    },
  );
});
