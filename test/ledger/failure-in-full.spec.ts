import pg from 'pg';
import { inFull } from '../../src/ledger/failure-in-full.js';
import { toSessionLedgerError } from '../../src/ledger/sqlstate.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

describe('a failure as those who operate read it', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });

  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  const toldOf = async (sql: string): Promise<string> =>
    client.query(sql).then(
      () => 'nothing failed',
      (failure: unknown) => inFull(toSessionLedgerError(failure)),
    );

  it('ends with what PostgreSQL said where nobody foresaw it', async () => {
    expect(await toldOf(`DO $$ BEGIN RAISE EXCEPTION 'the disk array is gone'; END $$`)).toMatch(
      /see its cause: the disk array is gone \(P0001\)$/,
    );
  });

  it('says what a login may not do, and what to run', async () => {
    await client.query('SET ROLE session_ledger_reader');
    const told = await toldOf('SELECT * FROM session_ledger.api_key');
    await client.query('RESET ROLE');
    expect(told).toMatch(/run "session-ledger migrate".*: permission denied for table api_key \(42501\)$/);
  });

  it('never repeats a value or a row', async () => {
    expect(await toldOf(`SELECT 'hunter2'::integer`)).toMatch(/see its cause: 22P02$/);
    const told = await toldOf(`INSERT INTO session_ledger.recorder (name) VALUES ('hunter2'), ('hunter2')`);
    expect(told).toMatch(/see its cause: duplicate key .*\(23505\)$/);
    expect(told).not.toContain('hunter2');
  });

  it('is its own words where these say it all', async () => {
    expect(await toldOf('SELECT 1 FROM session_ledger.nowhere')).not.toContain('nowhere');
  });
});
