import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { canonicalBytes } from '../../src/ledger/canonical-bytes.js';
import { canonicalEvent } from '../../src/ledger/canonical-event.js';
import { fromPrinted, printedColumns, type PrintedColumns } from '../../src/ledger/read-event-columns.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { superuserOf } from './session-writer.js';

/** A row of `event` as jsonb_populate_record reads it; no CHECK is in force for it. */
type Row = Record<string, unknown>;

interface Written extends PrintedColumns {
  bytes: string | null;
}

const uuid = fc.uuid();
const orNull = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> => fc.option(value, { nil: null });
// PostgreSQL holds no NUL and no lone surrogate in a text.
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.replace(/[\0\p{Surrogate}]/gu, ''));
const instant = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 0, max: 999_999 }))
  .map(([year, micros]) => `${String(year).padStart(4, '0')}-03-04T02:14:00.${String(micros).padStart(6, '0')}Z`);
const scalar = fc.oneof(text, fc.integer(), fc.constant(null), fc.boolean());
// Names beyond ASCII may sort otherwise in UTF-8 than in UTF-16; such a row is read and judged by canonicalEvent.
const name = fc.string({ unit: 'grapheme-ascii', maxLength: 10 });
const detail = fc.dictionary(
  name,
  fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.dictionary(name, scalar, { maxKeys: 3 })),
  { maxKeys: 4 },
);
const row: fc.Arbitrary<Row> = fc.record({
  seq: fc.bigInt({ min: 1n, max: 2n ** 62n }).map(String),
  recorded_at: instant,
  occurred_at: instant,
  expires_at: orNull(instant),
  client_id: orNull(fc.bigInt({ min: 1n, max: 2n ** 62n }).map(String)),
  session_seq: orNull(fc.nat()),
  recorded_by: fc.nat(),
  bucket: fc.nat(63),
  session_id: orNull(uuid),
  kind: text,
  reason: orNull(text),
  subject_id: orNull(uuid),
  actor_id: orNull(uuid),
  application: orNull(text),
  absolute_expires_at: orNull(instant),
  idle_seconds: orNull(fc.nat()),
  secret_digest: orNull(fc.constant(`\\x${'ab'.repeat(32)}`)),
  detail: orNull(detail),
});

describe('the canonical bytes of an event, made in the database', () => {
  let database: TestDatabase;
  let superuser: DataSource;

  beforeAll(async () => {
    database = await createTestDatabase();
    superuser = await superuserOf(database);
  });
  afterAll(async () => {
    await superuser.destroy();
    await database.drop();
  });

  const written = (rows: Row[]): Promise<Written[]> =>
    superuser.query(
      `SELECT ${printedColumns}, convert_from(${canonicalBytes}, 'UTF8') AS bytes
         FROM jsonb_array_elements($1) WITH ORDINALITY AS given(value, nth)
        CROSS JOIN LATERAL jsonb_populate_record(NULL::session_ledger.event, given.value) e ORDER BY nth`,
      [JSON.stringify(rows)],
    );

  it('are those that a leaf holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 50, maxLength: 50 }), async (rows) => {
        for (const { bytes, ...printed } of await written(rows))
          expect(bytes).toBe(canonicalEvent(fromPrinted(printed)));
      }),
      { numRuns: 40 },
    );
  });

  it('differ whenever any column differs, whichever columns there are', async () => {
    const whole = fc.sample(row, 200).find((each) => Object.values(each).every((value) => value !== null));
    const base: Row = { ...whole, detail: { a: 'x, y', b: ['pwd, otp', 1], c: { d: 1 } } };
    const columns: { name: string }[] = await superuser.query(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'session_ledger.event'::regclass AND attnum > 0 AND NOT attisdropped`,
    );
    expect(columns.map(({ name }) => name).sort()).toEqual(Object.keys(base).sort());
    const changed = columns.flatMap(({ name }) => [
      { ...base, [name]: null },
      { ...base, [name]: otherThan(base[name]) },
    ]);
    const details = [
      { a: 'x,y' },
      { a: 'x', ' y': null },
      { b: ['pwd', 'otp'] },
      { b: '["pwd, otp",1]' },
      { c: '{"d":1}' },
      { c: { d: '1' } },
      { c: { d: 1, e: {} } },
      { c: { d: 1, e: [] } },
      [1],
      'x',
      {},
    ];
    const rows = [base, ...changed, ...details.map((other) => ({ ...base, detail: other }))];
    const bytes = (await written(rows)).map((each) => each.bytes);
    expect(new Set(bytes).size).toBe(rows.length);
  });

  it('are none for an instant that is written like another one', async () => {
    const [first] = fc.sample(row, 1);
    const rows = ['occurred_at', 'recorded_at', 'expires_at', 'absolute_expires_at'].map((name) => ({
      ...first,
      [name]: '2026-03-04 02:14:00+00 BC',
    }));
    expect((await written(rows)).map(({ bytes }) => bytes)).toEqual([null, null, null, null]);
  });
});

function otherThan(value: unknown): unknown {
  if (typeof value === 'number') return (value + 1) % 64;
  if (typeof value === 'object') return { ...value, a: 1 };
  const text = value as string;
  if (/^\d+$/.test(text)) return String(BigInt(text) + 1n);
  if (/^\d{4}-/.test(text)) return text.replace(/\.\d{6}/, text.includes('.000000') ? '.000001' : '.000000');
  return /^[0-9a-f-]{36}$/.test(text) || text.startsWith('\\x')
    ? text.replace(/.$/, text.endsWith('0') ? '1' : '0')
    : `${text}1`;
}
