import type { DataSource } from 'typeorm';
import { toSessionLedgerError } from '../../src/ledger/sqlstate.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import {
  advanceHorizon,
  openSession,
  recordSubject,
  revokeSession,
  superuserOf,
  useSession,
  writerOf,
} from './session-writer.js';

interface Dates {
  kind: string;
  occurredAt: string;
  recordedAt: string;
}

describe("promise 7: the database's clock is the only clock, and the ledger's time never runs backwards", () => {
  let database: TestDatabase;
  let writer: DataSource;
  let superuser: DataSource;
  let subjectId: string;

  beforeEach(async () => {
    database = await createTestDatabase();
    writer = await writerOf(database);
    superuser = await superuserOf(database);
    subjectId = await recordSubject(writer, 'alice');
  });

  afterEach(async () => {
    await writer.destroy();
    await superuser.destroy();
    await database.drop();
  });

  /** A floor ahead of the clock is what a clock that stepped back leaves behind. Returns the floor. */
  const stepBack = async (seconds: number): Promise<string> => {
    const rows = await queryRows<{ floor: string }>(superuser, {
      name: 'test_step_back',
      text: `WITH floor AS (SELECT setval('session_ledger.clock_floor', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $1::bigint) AS us)
             SELECT timestamptz 'epoch' + us * interval '1 microsecond' AS floor FROM floor`,
      values: [Math.round(seconds * 1_000_000)],
    });
    return rows[0]!.floor;
  };

  const newest = async (events: number): Promise<Dates[]> =>
    queryRows<Dates>(superuser, {
      name: 'test_newest',
      text: `SELECT kind, occurred_at AS "occurredAt", recorded_at AS "recordedAt" FROM session_ledger.event ORDER BY seq DESC LIMIT $1`,
      values: [events],
    });

  const codeOf = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'done',
      (failure: unknown) => toSessionLedgerError(failure).code,
    );

  it('holds events at the horizon while the clock is up to a second behind it', async () => {
    const floor = await stepBack(0.8);
    const sessionId = await openSession(writer, subjectId);
    await useSession(writer, sessionId);
    await revokeSession(writer, sessionId);
    const events = await newest(3);
    expect(events.map(({ kind }) => kind)).toEqual(['revoked', 'used', 'created']);
    for (const { occurredAt, recordedAt } of events) {
      expect(occurredAt >= floor).toBe(true);
      expect(recordedAt >= floor).toBe(true);
    }
    expect(events[0]!.occurredAt > events[1]!.occurredAt).toBe(true);
  });

  it('records nothing when the clock is further behind, and raises no horizon', async () => {
    const sessionId = await openSession(writer, subjectId);
    await stepBack(90);
    expect(await codeOf(openSession(writer, subjectId))).toBe('ERR_CLOCK_BEHIND');
    expect(await codeOf(revokeSession(writer, sessionId))).toBe('ERR_CLOCK_BEHIND');
    const policy = ['web', '{"absoluteSeconds": 60}', 1];
    expect(await codeOf(writer.query('SELECT session_ledger.set_policy($1, $2, $3)', policy))).toBe('ERR_CLOCK_BEHIND');
    expect(await advanceHorizon(writer)).toBeNull();
    expect((await newest(1))[0]!.kind).toBe('created');
  });

  it('goes on after an operator recorded the gap, at the horizon and not below', async () => {
    await openSession(writer, subjectId);
    const floor = await stepBack(90);
    await writer.query(`SELECT session_ledger.record_gap(NULL, NULL, 'clock_stepped_back', NULL, 1)`);
    const sessionId = await openSession(writer, subjectId);
    await useSession(writer, sessionId);
    const [used, created, gap] = await newest(3);
    expect([used!.kind, created!.kind, gap!.kind]).toEqual(['used', 'created', 'gap']);
    expect(created!.occurredAt >= floor && used!.occurredAt >= floor && gap!.occurredAt >= floor).toBe(true);
    const rows = await queryRows<{ detail: { from: string; to: string } }>(superuser, {
      name: 'test_gap',
      text: `SELECT detail FROM session_ledger.event WHERE kind = 'gap'`,
      values: [],
    });
    expect(rows[0]!.detail.to).toBe(floor);
    expect(rows[0]!.detail.from < floor).toBe(true);
  });

  it('asks for another gap when the clock steps back once more', async () => {
    await stepBack(90);
    await writer.query(`SELECT session_ledger.record_gap(NULL, NULL, 'clock_stepped_back', NULL, 1)`);
    await stepBack(180);
    expect(await codeOf(openSession(writer, subjectId))).toBe('ERR_CLOCK_BEHIND');
  });

  it('raises horizons that never go back, and dates no later event at or below them', async () => {
    const horizons: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      horizons.push((await advanceHorizon(writer))!);
      await openSession(writer, subjectId);
      expect((await newest(1))[0]!.occurredAt > horizons.at(-1)!).toBe(true);
    }
    expect(horizons).toEqual([...horizons].sort());
  });

  it('lets nobody date an event ten minutes back or a minute ahead, the writer included', async () => {
    for (const shift of ['-11 minutes', '2 minutes']) {
      const forged = writer.query(
        `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by)
         VALUES ('gap', 0, clock_timestamp() + $1::interval, 1)`,
        [shift],
      );
      await expect(forged).rejects.toMatchObject({ code: '23514', constraint: 'event_recorded_promptly' });
    }
  });

  it('does not read a clock that the caller brings along', async () => {
    await superuser.query(`
      CREATE SCHEMA forger;
      CREATE FUNCTION forger.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2020-01-01Z' $$;
      CREATE FUNCTION forger.pg_sequence_last_value(regclass) RETURNS bigint LANGUAGE sql AS $$ SELECT 0::bigint $$;
      GRANT USAGE ON SCHEMA forger TO PUBLIC`);
    const rows = await writer.transaction(async (manager) => {
      await manager.query('SET LOCAL search_path = forger, pg_catalog');
      return manager.query(`INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by, detail)
        VALUES ('policy_set', 0, session_ledger.ledger_clock(), 1, '{"absoluteSeconds": 60}') RETURNING extract(year FROM recorded_at)::int AS year`);
    });
    expect(rows[0].year).toBeGreaterThan(2020);
  });
});
