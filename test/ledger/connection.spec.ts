import pg from 'pg';
import type { DataSource } from 'typeorm';
import { pinsHold } from '../../src/ledger/connection-pins.js';
import { ledgerDataSource, type LedgerDataSourceOptions } from '../../src/ledger/ledger-data-source.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { connectPinned, disconnect } from '../../src/ledger/pinned-client.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

const settingsSql = `
SELECT current_user AS role, current_setting('TimeZone') AS zone, current_setting('synchronous_commit') AS durability,
       current_setting('transaction_isolation') AS isolation, current_setting('lock_timeout') AS lock,
       current_setting('statement_timeout') AS statement, current_setting('search_path') AS path`;

describe('connections to the ledger', () => {
  let database: TestDatabase;
  const open: DataSource[] = [];

  beforeAll(async () => (database = await createTestDatabase()));
  afterEach(async () => {
    for (const dataSource of open.splice(0)) await dataSource.destroy();
  });
  afterAll(() => database.drop());

  const connect = async (options: Partial<LedgerDataSourceOptions> = {}): Promise<DataSource> => {
    const dataSource = ledgerDataSource({
      url: database.url,
      role: 'writer',
      poolSize: 2,
      applicationName: 'test',
      ...options,
    });
    await dataSource.initialize();
    open.push(dataSource);
    return dataSource;
  };

  it('act as their role, in UTC, under READ COMMITTED, and commit durably although the server would not', async () => {
    const [row] = await (await connect({ statementTimeoutMs: 1_234 })).query(settingsSql);
    expect(row).toEqual({
      role: 'session_ledger_writer',
      zone: 'UTC',
      durability: 'on',
      isolation: 'read committed',
      lock: '5s',
      statement: '1234ms',
      path: 'session_ledger',
    });
  });

  it('of their own are probed by the server, so that what they lock is free soon after their machine is gone', async () => {
    const pins = { role: undefined, statementTimeoutMs: 0, lockTimeoutMs: 0, idleInTransactionTimeoutMs: 0 };
    const client = await connectPinned({ url: database.url, pins, applicationName: 'test' });
    const { rows } = await client.query(
      `SELECT current_setting('tcp_keepalives_idle') AS idle, current_setting('tcp_keepalives_interval') AS interval,
              current_setting('tcp_keepalives_count') AS count`,
    );
    await disconnect(client);
    expect(rows).toEqual([{ idle: '10', interval: '1', count: '10' }]);
  });

  it('keep their pins although the database URL asks for other options', async () => {
    const url = new URL(database.url);
    url.searchParams.set('options', '-c timezone=Asia/Tokyo -c role=postgres -c geqo=off');
    const [row] = await (
      await connect({ url: url.toString() })
    ).query(`${settingsSql}, current_setting('geqo') AS geqo`);
    expect(row).toMatchObject({ role: 'session_ledger_writer', zone: 'UTC', geqo: 'off' });
  });

  it('are not lowered where the server waits for its standbys to apply', async () => {
    await asSuperuser(database, `ALTER DATABASE ${database.name} SET synchronous_commit = 'remote_apply'`);
    const [row] = await (await connect()).query(settingsSql);
    expect(row.durability).toBe('remote_apply');
    await asSuperuser(database, `ALTER DATABASE ${database.name} RESET synchronous_commit`);
  });

  it('are refused when something between us and the server drops a pin', async () => {
    // A pooler that drops start-up options leaves the connection as a plain one is.
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const pins = {
      role: 'session_ledger_writer',
      statementTimeoutMs: 1,
      lockTimeoutMs: 1,
      idleInTransactionTimeoutMs: 1,
    };
    await expect(pinsHold(client, pins)).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION',
      message: expect.stringMatching(/statement_timeout.*role/),
    });
    await client.end();
  });

  it("read rows with the ledger's own types, whatever the application has set for itself", async () => {
    const dataSource = await connect();
    const int8 = pg.types.getTypeParser(20);
    pg.types.setTypeParser(20, () => "the application's own");
    try {
      const rows = await queryRows(dataSource, {
        name: 'test_types',
        text: `SELECT 9007199254740991::bigint AS big, timestamptz '2026-03-04 03:14:00.000001+01' AS at,
                      '{"a": [1]}'::jsonb AS json, '\\x00ff'::bytea AS bytes, 1.10::numeric AS exact, true AS yes,
                      ARRAY[timestamptz '2026-03-04Z', NULL] AS instants, ARRAY['a,"b"', NULL] AS texts,
                      '192.0.2.1'::inet AS ip, NULL::bigint AS nothing`,
        values: [],
      });
      expect(rows).toEqual([
        {
          big: 9_007_199_254_740_991,
          at: '2026-03-04T02:14:00.000001Z',
          json: { a: [1] },
          bytes: Buffer.from([0, 255]),
          exact: '1.10',
          yes: true,
          instants: ['2026-03-04T00:00:00.000000Z', null],
          texts: ['a,"b"', null],
          ip: '192.0.2.1',
          nothing: null,
        },
      ]);
    } finally {
      pg.types.setTypeParser(20, int8);
    }
  });

  it('refuse a bigint that no number can hold, instead of rounding it', async () => {
    const statement = { name: 'test_unsafe', text: 'SELECT 9007199254740993::bigint AS big', values: [] };
    await expect(queryRows(await connect(), statement)).rejects.toThrow(/does not fit/);
  });

  it('run a statement inside the transaction it is given, of TypeORM or of pg', async () => {
    const dataSource = await connect();
    const statement = { name: 'test_xid', text: 'SELECT pg_current_xact_id()::text AS id', values: [] };
    await dataSource.transaction(async (manager) => {
      const [first] = await queryRows<{ id: string }>(manager, statement);
      const [second] = await queryRows<{ id: string }>(manager.queryRunner!, statement);
      const [outside] = await queryRows<{ id: string }>(dataSource.manager, statement);
      expect(second).toEqual(first);
      expect(outside).not.toEqual(first);
    });
  });

  it('prepare a statement once per connection', async () => {
    const dataSource = await connect({ poolSize: 1 });
    const statement = { name: 'test_once', text: 'SELECT $1::int AS n', values: [1] };
    for (let n = 0; n < 3; n += 1) await queryRows(dataSource, statement);
    const prepared = await dataSource.query(
      `SELECT count(*)::int AS count FROM pg_prepared_statements WHERE name = 'test_once'`,
    );
    expect(prepared[0].count).toBe(1);
  });

  it('prepare afresh when a migration changed what a statement returns', async () => {
    await asSuperuser(
      database,
      'CREATE TABLE public.shape (a integer); GRANT SELECT ON public.shape TO PUBLIC; INSERT INTO public.shape VALUES (1)',
    );
    const dataSource = await connect({ poolSize: 1 });
    const statement = { name: 'test_shape', text: 'SELECT * FROM public.shape', values: [] };
    expect(await queryRows(dataSource, statement)).toEqual([{ a: 1 }]);
    await asSuperuser(database, 'ALTER TABLE public.shape ADD b text');
    expect(await queryRows(dataSource, statement)).toEqual([{ a: 1, b: null }]);
  });
});

async function asSuperuser(database: TestDatabase, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(statement);
  await client.end();
}
