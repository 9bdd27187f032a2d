import { existsSync, mkdtempSync, readdirSync, rmSync, chmodSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { sessionLedger, startSessionLedger } from './command.js';

jest.setTimeout(90_000);

const rows = `alice,2026-03-04T02:14:00Z\n`.repeat(5_000);

describe('a command that a signal ends', () => {
  let folder: string;
  let database: TestDatabase;
  let owner: pg.Client;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-interrupted-'));
    chmodSync(folder, 0o755);
    database = await createTestDatabase();
    owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
  });

  afterAll(async () => {
    await owner.end();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('stops the PostgreSQL that was started for it', async () => {
    const variables = { SESSION_LEDGER_DATA_DIR: path.join(folder, 'data') };
    expect(await sessionLedger(['migrate'], variables)).toMatchObject({ code: 0 });
    const { command, ran, ended } = startSessionLedger(['check', '-'], variables);
    command.stdin.write(`userId,at\n${rows}`);
    while (!ran.err.includes('lines written')) await once(command.stderr, 'data');
    expect(existsSync(path.join(folder, 'data', 'postgres', 'postmaster.pid'))).toBe(true);
    command.kill('SIGTERM');
    expect(await ended).toBe('SIGTERM');
    expect(existsSync(path.join(folder, 'data', 'postgres', 'postmaster.pid'))).toBe(false);
  });

  it('leaves a list on record as broken off, with the rows that went out', async () => {
    const words = ['check', '-', '--case', 'interrupted', '--database-url', database.url];
    const { command, ran, ended } = startSessionLedger(words);
    command.stdin.write(`userId,at\n${rows}`);
    while (!ran.err.includes('lines written')) await once(command.stderr, 'data');
    command.kill('SIGINT');
    expect(await ended).toBe('SIGINT');
    const { rows: outcomes } = await owner.query(
      `SELECT o.outcome, o.row_count::integer FROM session_ledger.question JOIN session_ledger.question_outcome o USING (question_id) WHERE case_id = 'interrupted'`,
    );
    expect(outcomes).toEqual([{ outcome: 'abandoned', row_count: ran.out.split('\n').length - 2 }]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('leaves no draft of a report behind: %s', async (signal) => {
    const lock = new pg.Client({ connectionString: database.url });
    await lock.connect();
    // The report waits for the ledger; nobody has to hit the moment.
    await lock.query('BEGIN; LOCK TABLE session_ledger.event IN ACCESS EXCLUSIVE MODE');
    const out = path.join(folder, signal);
    const report = ['report', 'run', 'revocations', '--param', 'from=2026-01-01T00:00:00Z', '--out', out];
    const { command, ended } = startSessionLedger([...report, '--database-url', database.url]);
    while (!existsSync(out) || readdirSync(out).length === 0) await pause(20);
    command.kill(signal);
    await pause(50);
    await lock.end();
    expect(await ended).toBe(signal);
    expect(readdirSync(out)).toEqual([]);
  });
});
