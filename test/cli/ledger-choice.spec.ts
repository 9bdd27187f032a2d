import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-server.js';
import { clientOf } from '../http/client.js';
import { startServiceProcess } from '../main/service-process.js';
import { sessionLedger } from './command.js';

jest.setTimeout(90_000);

describe('the ledger that a command works on', () => {
  let folder: string;
  let variables: { SESSION_LEDGER_DATA_DIR: string };

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-choice-'));
    chmodSync(folder, 0o755);
    variables = { SESSION_LEDGER_DATA_DIR: path.join(folder, 'data') };
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is that of the running service, else the stopped one, started for the call', async () => {
    const { SESSION_LEDGER_DATA_DIR: dataDir } = variables;
    const service = startServiceProcess(dataDir);
    const address = await service.listening();
    const key = readFileSync(path.join(dataDir, 'admin-key'), 'utf8').trim();
    await clientOf(address, key).post('/v1/sessions', { userId: 'alice' });
    const ask = ['was-logged-in', 'alice', '--json'];
    const whileRunning = await sessionLedger(ask, variables);
    expect(whileRunning).toMatchObject({ code: 0, err: '' });
    expect(await sessionLedger(['migrate', '--check'], variables)).toMatchObject({ code: 0 });
    expect(await sessionLedger(['rebuild'], variables)).toMatchObject({ code: 0 });
    service.process.kill('SIGTERM');
    expect(await service.ended()).toBe(0);
    const whenStopped = await sessionLedger(ask, variables);
    expect(whenStopped).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(whenStopped.out).evidence).toEqual(JSON.parse(whileRunning.out).evidence);
    expect(existsSync(path.join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
    expect(existsSync(path.join(dataDir, 'runtime.json'))).toBe(false);
  });

  it('is not migrated by being looked at, and what migrating it does is said', async () => {
    const elsewhere = { SESSION_LEDGER_DATA_DIR: path.join(folder, 'older') };
    const made = JSON.parse((await sessionLedger(['migrate', '--json'], elsewhere)).out) as { applied: string[] };
    expect(made.applied.length).toBeGreaterThan(3);
    const postgres = await startEmbeddedPostgres({ dataDir: elsewhere.SESSION_LEDGER_DATA_DIR });
    const client = new pg.Client({ connectionString: postgres.superuserUrl('session_ledger') });
    await client.connect();
    await client.query('DROP SCHEMA session_ledger CASCADE');
    await client.end();
    await postgres.stop();
    for (const _ of ['once', 'and again']) {
      const { code, out } = await sessionLedger(['migrate', '--check', '--json'], elsewhere);
      expect({ code, pending: (JSON.parse(out) as { pending: string[] }).pending }).toEqual({
        code: 1,
        pending: made.applied,
      });
    }
    expect(JSON.parse((await sessionLedger(['migrate', '--json'], elsewhere)).out)).toMatchObject({
      applied: made.applied,
    });
    expect(await sessionLedger(['migrate'], elsewhere)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Nothing to do/),
    });
    expect(await sessionLedger(['was-logged-in', 'nobody', '--json'], elsewhere)).toMatchObject({ code: 11 });
  });

  it('is the one that is named, before all others', async () => {
    const elsewhere = 'postgres://nobody@127.0.0.1:9/none';
    for (const [words, more] of [
      [['api-key', 'list', '--database-url', elsewhere], {}],
      [['api-key', 'list'], { DATABASE_URL: elsewhere }],
    ] as const)
      expect(await sessionLedger([...words], { ...variables, ...more })).toMatchObject({
        code: 1,
        err: expect.stringContaining('ERR_LEDGER_UNAVAILABLE'),
      });
  });
});
