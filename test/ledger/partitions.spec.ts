import pg from 'pg';
import type { DataSource } from 'typeorm';
import { queryRows } from '../../src/ledger/named-query.js';
import { ensurePartitions, PartitionKeeper } from '../../src/ledger/partition-keeper.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { openSession, recordSubject, superuserOf, writerOf } from './session-writer.js';

const insertGapSql = `
INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by, reason)
VALUES ('gap', 0, session_ledger.ledger_clock(), 1, 'test')`;

describe('the partitions of the ledger', () => {
  let database: TestDatabase;
  let writer: DataSource;
  let superuser: DataSource;

  beforeEach(async () => {
    database = await createTestDatabase();
    writer = await writerOf(database);
    superuser = await superuserOf(database);
  });

  afterEach(async () => {
    await writer.destroy();
    await superuser.destroy();
    await database.drop();
  });

  const partitions = async (): Promise<{ name: string; bounds: string }[]> =>
    queryRows(superuser, {
      name: 'test_bounds',
      text: `SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
               FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = 'session_ledger.event'::regclass ORDER BY 1`,
      values: [],
    });

  /** Makes the ledger's clock read a month that has no partition yet, as if nobody had made any for that long. */
  const arriveIn = async (month: string): Promise<void> => {
    await superuser.query(
      `SELECT setval('session_ledger.clock_floor', (extract(epoch FROM $1::timestamptz) * 1000000)::bigint)`,
      [month],
    );
  };

  const ensure = async (months: number): Promise<number> => {
    const rows = await writer.query('SELECT session_ledger.ensure_partitions($1) AS made', [months]);
    return rows[0].made;
  };

  it('are made while a transaction that has inserted is still open, and without holding up other inserts', async () => {
    await openSession(writer, await recordSubject(writer, 'first user of the application'));
    const open = writer.createQueryRunner();
    await open.startTransaction();
    await openSession(open, await recordSubject(writer, 'alice'));
    const started = performance.now();
    const [made] = await Promise.all([ensure(8), openSession(writer, await recordSubject(writer, 'bob'))]);
    expect(made).toBe(5);
    expect(performance.now() - started).toBeLessThan(1_500);
    await open.commitTransaction();
    await open.release();
  });

  it('are bounded by UTC months, whatever the time zone of the server', async () => {
    await superuser.query(`ALTER DATABASE ${database.name} SET timezone = 'America/New_York'`);
    const plain = new pg.Client({ connectionString: database.url });
    await plain.connect();
    await plain.query('SELECT session_ledger.ensure_partitions(5)');
    await plain.end();
    const months = (await partitions()).filter(({ name }) => name !== 'event_default');
    expect(months).toHaveLength(6);
    for (const { name, bounds } of months) {
      const month = name.replace(/^event_(\d{4})_(\d{2})$/, '$1-$2-01 00:00:00+00');
      expect(bounds.startsWith(`FOR VALUES FROM ('${month}')`)).toBe(true);
    }
  });

  it('are made once, however many instances start together', async () => {
    const made = await Promise.all(Array.from({ length: 10 }, () => ensurePartitions(superuser)));
    expect(made).toEqual(Array.from({ length: 10 }, () => 0));
    const more = await Promise.all(Array.from({ length: 4 }, () => ensure(6)));
    expect(more.sort((a, b) => a - b)).toEqual([0, 0, 0, 3]);
  });

  it('take over what the DEFAULT partition caught, with its triggers, and leave an empty DEFAULT behind', async () => {
    await arriveIn('2031-05-10Z');
    for (let count = 0; count < 3; count += 1) await writer.query(insertGapSql);
    const caught = await superuser.query('SELECT count(*)::int AS count FROM session_ledger.event_default');
    expect(caught[0].count).toBe(3);

    expect(await ensure(1)).toBe(2);
    const names = (await partitions()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['event_2031_05', 'event_2031_06', 'event_default']));
    await writer.query(insertGapSql);
    const places = await superuser.query(
      `SELECT tableoid::regclass::text AS place, count(*)::int AS count FROM session_ledger.event WHERE kind = 'gap' GROUP BY 1`,
    );
    expect(places).toEqual([{ place: 'event_2031_05', count: 4 }]);
    for (const change of [
      'UPDATE session_ledger.event_2031_05 SET reason = NULL',
      'TRUNCATE session_ledger.event_2031_05',
      'TRUNCATE session_ledger.event_default',
    ]) {
      await expect(superuser.query(change)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('are promoted although inserts keep coming in, and lose none of them', async () => {
    await arriveIn('2031-05-10Z');
    const inserting = Array.from({ length: 3 }, async () => {
      for (let count = 0; count < 100; count += 1) await writer.query(insertGapSql);
    });
    const promoting = (async () => {
      for (const year of [2032, 2033, 2034, 2035]) {
        await ensurePartitions(superuser);
        await arriveIn(`${year}-05-10Z`);
      }
    })();
    await Promise.all([...inserting, promoting]);
    const rows = await superuser.query(`SELECT count(*)::int AS count FROM session_ledger.event WHERE kind = 'gap'`);
    expect(rows[0].count).toBe(300);
  });

  it('wait for a transaction that holds the DEFAULT partition, and are made once it has ended', async () => {
    await arriveIn('2031-05-10Z');
    const open = writer.createQueryRunner();
    await open.startTransaction();
    await open.query(insertGapSql);
    await expect(ensure(0)).rejects.toMatchObject({ code: '55P03' });
    const making = ensurePartitions(superuser);
    await open.commitTransaction();
    await open.release();
    expect(await making).toBeGreaterThan(0);
  });

  it('are made at start by whichever instance comes first', async () => {
    await arriveIn('2031-05-10Z');
    const failures: unknown[] = [];
    const keepers = [1, 2, 3].map(
      () => new PartitionKeeper(writer, { onFailure: (failure) => failures.push(failure) }),
    );
    for (const keeper of keepers) keeper.start();
    for (const keeper of keepers) await keeper.stop();
    expect(failures).toEqual([]);
    expect((await partitions()).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['event_2031_05', 'event_2031_06', 'event_2031_07', 'event_2031_08']),
    );
  });
});
