import pg from 'pg';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { OpenedOnce } from '../../src/main/opened-once.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { databaseUrl } from '../setup/test-server.js';

describe('a pool that is opened by whoever needs it first', () => {
  let database: TestDatabase;
  let outside: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    outside = new pg.Client({ connectionString: databaseUrl(database.url, 'postgres') });
    await outside.connect();
  });

  afterAll(async () => {
    await outside.end();
    await database.drop();
  });

  const pool = () =>
    ledgerDataSource({ url: database.url, role: 'writer', poolSize: 1, applicationName: 'opened once' });

  const connections = async (): Promise<number> =>
    (await outside.query(`SELECT 1 FROM pg_stat_activity WHERE datname = $1`, [database.name])).rows.length;

  /** The server takes a moment to see the last of a connection that was closed. */
  const connectionsLeft = async (): Promise<number> => {
    for (let looks = 0; looks < 200 && (await connections()) > 0; looks += 1)
      await new Promise((resolve) => setTimeout(resolve, 25));
    return connections();
  };

  it('is one pool for all who come at once, and is closed whole', async () => {
    const once = new OpenedOnce(pool());
    const opened = await Promise.all([once.open(), once.open(), once.open()]);
    expect(new Set(opened).size).toBe(1);
    await Promise.all(opened.map((each) => each.query('SELECT 1')));
    expect(await connections()).toBe(1);
    await once.close();
    expect(await connectionsLeft()).toBe(0);
  });

  it('is closed too when it is still being opened, or never was', async () => {
    const once = new OpenedOnce(pool());
    const opening = once.open();
    await once.close();
    await opening;
    await new OpenedOnce(pool()).close();
    expect(await connectionsLeft()).toBe(0);
  });

  it('is tried again by the next one where it could not be opened', async () => {
    const once = new OpenedOnce(pool());
    await outside.query(`ALTER DATABASE ${database.name} ALLOW_CONNECTIONS false`);
    await expect(once.open()).rejects.toMatchObject({ code: '55000' });
    await once.close();
    await outside.query(`ALTER DATABASE ${database.name} ALLOW_CONNECTIONS true`);
    expect(await (await once.open()).query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await once.close();
    expect(await connectionsLeft()).toBe(0);
  });
});
