import pg from 'pg';
import { QueryFailedError } from 'typeorm';
import { SessionLedgerError } from '../../src/errors.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { toSessionLedgerError } from '../../src/ledger/sqlstate.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

const withState = (code: string): Error => Object.assign(new Error('SELECT secret FROM session'), { code });

describe('a failure of the database', () => {
  it.each([
    ['SL001', 'ERR_CLOCK_BEHIND', 5],
    ['SL002', 'ERR_ISOLATION_LEVEL', undefined],
    ['SL003', 'ERR_SUBJECT_NOT_RECORDED', undefined],
    ['SL004', 'ERR_INVALID_POLICY', undefined],
    ['55P03', 'ERR_LEDGER_BUSY', 1],
    ['57014', 'ERR_LEDGER_BUSY', 1],
    ['40P01', 'ERR_LEDGER_BUSY', 1],
    ['08006', 'ERR_LEDGER_UNAVAILABLE', 1],
    ['57P01', 'ERR_LEDGER_UNAVAILABLE', 1],
    ['57P03', 'ERR_LEDGER_UNAVAILABLE', 1],
    ['25006', 'ERR_LEDGER_UNAVAILABLE', 1],
    ['53300', 'ERR_LEDGER_UNAVAILABLE', 1],
    ['53100', 'ERR_LEDGER_UNAVAILABLE', 1],
    ['ECONNREFUSED', 'ERR_LEDGER_UNAVAILABLE', 1],
    ['42501', 'ERR_CONFIGURATION', undefined],
    ['42P01', 'ERR_DATABASE_BEHIND', undefined],
    ['23514', 'ERR_INTERNAL', undefined],
  ])('%s means %s', (state, code, retryAfterSeconds) => {
    const failure = withState(state);
    const error = toSessionLedgerError(failure);
    expect(error).toMatchObject({ code, retryAfterSeconds, cause: failure });
    expect(error.message).not.toContain('SELECT');
  });

  it.each([
    [new Error('Query read timeout'), /may be recorded or not/],
    [new Error('Connection terminated unexpectedly'), /may be recorded or not/],
    [withState('ECONNRESET'), /may be recorded or not/],
    [new Error('timeout exceeded when trying to connect'), /nothing was done/],
    [withState('ECONNREFUSED'), /nothing was done/],
    [withState('57P01'), /nothing was done/],
  ])('says whether anything may have been done: %s', (failure, said) => {
    const { code, message } = toSessionLedgerError(failure);
    expect({ code, message }).toEqual({
      code: 'ERR_LEDGER_UNAVAILABLE',
      message: expect.stringMatching(said) as string,
    });
  });

  it('means the same when TypeORM has wrapped it', () => {
    const wrapped = new QueryFailedError('SELECT secret', ['value'], withState('55P03'));
    expect(toSessionLedgerError(wrapped)).toMatchObject({ code: 'ERR_LEDGER_BUSY' });
  });

  it('that already has a code keeps it', () => {
    const error = new SessionLedgerError('ERR_SESSION_NOT_FOUND', 'no such session');
    expect(toSessionLedgerError(error)).toBe(error);
  });
});

describe('a connection that PostgreSQL ends', () => {
  let database: TestDatabase;

  beforeAll(async () => (database = await createTestDatabase()));
  afterAll(() => database.drop());

  it('is a ledger that cannot be reached, and the pool heals by itself', async () => {
    const pool = await ledgerDataSource({
      url: database.url,
      role: 'writer',
      poolSize: 1,
      applicationName: 'victim',
    }).initialize();
    const sleeping = pool.query('SELECT pg_sleep(10)').catch(toSessionLedgerError);
    const killer = new pg.Client({ connectionString: database.url });
    await killer.connect();
    await killer.query(`SELECT pg_sleep(0.2)`);
    await killer.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim' AND datname = current_database()`,
    );
    await killer.end();
    expect(await sleeping).toMatchObject({ code: 'ERR_LEDGER_UNAVAILABLE', retryAfterSeconds: 1 });
    expect(await pool.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await pool.destroy();
  });
});
