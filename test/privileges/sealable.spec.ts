import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { canonicalEvent } from '../../src/ledger/canonical-event.js';
import { readEventColumns } from '../../src/ledger/read-event-columns.js';
import { MAX_LEAF_BYTES } from '../../src/seal/merkle.js';
import { bucketOf } from '../../src/token/session-token.js';
import { setUpSealedLedger, type SealedLedger } from '../seal/sealed-ledger.js';

/** A row as whoever may act as the writer can try to insert it; texts are SQL expressions. */
type Attempt = Record<string, string | number | null>;

const aText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const repeated = (unit: string, times: number): string => `repeat(${aText(unit)}, ${times})`;
const instants = [
  'clock_timestamp()',
  "'infinity'",
  "'-infinity'",
  "'10000-01-01T00:00:00Z'",
  "'9999-12-31T23:59:59.999999Z'",
  "'0044-03-15 00:00:00+00 BC'",
  "'0001-01-01T00:00:00Z'",
];
const details = [
  "'{}'",
  `jsonb_build_object('a', ${repeated('\\', 19_700)}, 'n', '1e400'::numeric)`,
  `jsonb_build_object('a', ${repeated('\\', 12_000)}, 'n', '1e400'::numeric)`,
  `jsonb_build_object('a', ${repeated('x', 39_000)})`,
  `jsonb_build_object('a', ${repeated('\u0001', 6_000)}, 'n', '1e400'::numeric)`,
  `jsonb_build_object('a', ${repeated('"', 14_000)}, 'n', '1e400'::numeric)`,
  `jsonb_build_object('a', ${repeated('\u{1f512}', 9_000)}, 'n', '1e400'::numeric)`,
  "jsonb_build_object('a', 1e300, 'b', 1e-300, 'c', 12345678901234567890, 'd', '-1e39000'::numeric)",
  `(${repeated('[', 5_000)} || ${repeated(']', 5_000)})::jsonb`,
  `(${repeated('[', 990)} || ${repeated(']', 990)})::jsonb`,
  `(${repeated('{"a":', 3_000)} || '1' || ${repeated('}', 3_000)})::jsonb`,
  `'{"__proto__": {"a": 1}, "constructor": [null, true], "\u2028": "\u007f"}'::jsonb`,
];
const texts = ["''", aText('idle'), repeated('\u0001', 1000), repeated('\u{1f512}', 255), repeated('"', 1001)];
const soon = "clock_timestamp() + interval '1 hour'";

/** A row of each kind that is let in as it is. */
const innocent: Attempt[] = [
  { kind: "'used'", session_seq: 2, expires_at: soon },
  {
    kind: "'created'",
    session_seq: 1,
    expires_at: soon,
    absolute_expires_at: soon,
    secret_digest: "sha256('any')",
    subject_id: 'gen_random_uuid()',
    application: "'web'",
  },
  { kind: "'revoked'", session_seq: 3, reason: "'logout'" },
  { kind: "'expired'", session_seq: 3, reason: "'idle'" },
  { kind: "'gap'", session_id: null, bucket: 0 },
  { kind: "'of a later release'", session_id: null, bucket: 0 },
];
const hostile: fc.Arbitrary<Attempt> = fc.record(
  {
    kind: fc.constantFrom(repeated('k', 70_000), repeated('\u0001', 64), "''"),
    occurred_at: fc.constantFrom(...instants),
    expires_at: fc.constantFrom(...instants),
    absolute_expires_at: fc.constantFrom(...instants),
    idle_seconds: fc.constantFrom(-2_147_483_648, 2_147_483_647),
    client_id: fc.constantFrom('-9223372036854775808', '9223372036854775807'),
    recorded_by: fc.constantFrom(-1, 2_147_483_647),
    reason: fc.constantFrom(...texts),
    application: fc.constantFrom(...texts),
    secret_digest: fc.constantFrom("sha256('any')", "convert_to(repeat('x', 40000), 'UTF8')", "''::bytea"),
    detail: fc.constantFrom(...details),
    actor_id: fc.constant('gen_random_uuid()'),
  },
  { requiredKeys: [] },
);
const attempt = fc
  .tuple(fc.constantFrom(...innocent), hostile, fc.infiniteStream(fc.boolean()))
  .map(([row, more, keeps]) => {
    const id = randomUUID();
    const few = Object.entries(more).filter(() => keeps.next().value && keeps.next().value);
    const whole = { occurred_at: 'clock_timestamp()', recorded_by: 1, session_id: aText(id), bucket: bucketOf(id) };
    return { ...whole, ...row, ...Object.fromEntries(few) };
  });

describe('whatever the role of the application may insert', () => {
  let ledger: SealedLedger;

  beforeAll(async () => {
    ledger = await setUpSealedLedger();
  });
  afterAll(() => ledger.close());

  const inserted = async (row: Attempt): Promise<boolean> => {
    const given = Object.entries(row).filter(([, value]) => value !== null);
    const statement = `INSERT INTO session_ledger.event (${given.map(([name]) => name).join()}) VALUES (${given.map(([, value]) => value).join()})`;
    return ledger.writer.query(statement).then(
      () => true,
      (failure: { code?: string }) => {
        // Refused by a CHECK, or no such value: never for lack of a privilege, which would make this test one of nothing.
        expect(failure.code).toMatch(/^(23514|22\w{3}|23502|54001)$/);
        return false;
      },
    );
  };
  const last = async (): Promise<number> =>
    (await ledger.rows<{ last: number }>('SELECT coalesce(max(seq), 0)::integer AS last FROM session_ledger.event'))[0]!
      .last;

  it('can be sealed: nobody stops the sealing of all that follows', async () => {
    const before = await last();
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(attempt, async (row) => {
        const from = await last();
        if (!(await inserted(row))) return;
        accepted += 1;
        const [columns] = await readEventColumns(ledger.superuser, from + 1, from + 1_000);
        expect(Buffer.byteLength(canonicalEvent(columns!))).toBeLessThanOrEqual(MAX_LEAF_BYTES);
      }),
      { numRuns: 600 },
    );
    expect(accepted).toBeGreaterThan(60);
    const sealer = ledger.sealer();
    await sealer.sealOnce();
    const { size } = await ledger.published();
    expect(size).toBe((await ledger.rows('SELECT 1 FROM session_ledger.event')).length);
    expect(size).toBeGreaterThanOrEqual(before + accepted);
  });

  it.each([
    ['an end that never comes', { expires_at: "'infinity'", absolute_expires_at: "'infinity'" }],
    ['a deadline in the year 10000', { absolute_expires_at: "'10000-01-01T00:00:00Z'" }],
    ['backslashes that a leaf doubles', { detail: details[1]! }],
    ['arrays nested beyond any reader', { detail: details[8]! }],
    ['a secret of 40,000 bytes', { secret_digest: "convert_to(repeat('x', 40000), 'UTF8')" }],
  ])('is refused with %s', async (_, more: Attempt) => {
    const id = randomUUID();
    const used: Attempt = {
      kind: "'used'",
      session_id: aText(id),
      bucket: bucketOf(id),
      session_seq: 2,
      occurred_at: 'clock_timestamp()',
      expires_at: "clock_timestamp() + interval '1 hour'",
      recorded_by: 1,
    };
    expect(await inserted(used)).toBe(true);
    expect(await inserted({ ...used, ...more })).toBe(false);
  });

  it('is numbered by the ledger, from 1 on: not even a superuser inserts an event before the first', async () => {
    const early = `INSERT INTO session_ledger.event (seq, kind, bucket, occurred_at, recorded_by) OVERRIDING SYSTEM VALUE
                   VALUES (-1, 'gap', 0, clock_timestamp(), 1)`;
    await expect(ledger.superuser.query(early)).rejects.toMatchObject({ code: '23514' });
  });
});
