import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readEnvironment } from '../../src/environment.js';
import { serviceLog } from '../../src/http/service-log.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { startService } from '../../src/main/service.js';
import { clientOf } from '../http/client.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { hasPooler, startPooler, type Pooler } from './pooler.js';

jest.setTimeout(60_000);

// Skipped by name where it is not installed (apt-get install pgbouncer).
(hasPooler ? describe : describe.skip)('behind PgBouncer', () => {
  let database: TestDatabase;
  let pooler: Pooler | undefined;

  beforeAll(async () => (database = await createTestDatabase()));
  afterEach(async () => pooler?.stop());
  afterAll(() => database.drop());

  const pool = async (url: string) => {
    const options = { url, role: 'writer', poolSize: 3, applicationName: 'test' } as const;
    return ledgerDataSource(options).initialize();
  };
  const threeAtOnce = (dataSource: Awaited<ReturnType<typeof pool>>) =>
    Promise.all(Array.from({ length: 3 }, () => dataSource.query(pinsSql)));

  it('in session mode, connections hold their pins, also those that another client used before', async () => {
    pooler = await startPooler(database.url, 'session');
    for (let time = 0; time < 2; time += 1) {
      const dataSource = await pool(pooler.url);
      for (const [row] of await threeAtOnce(dataSource))
        expect(row).toEqual({ role: 'session_ledger_writer', zone: 'UTC', durability: 'on', lock: '5s' });
      await dataSource.destroy();
    }
  });

  it('in session mode, the whole service works: it migrates nothing, opens, uses, answers and seals', async () => {
    pooler = await startPooler(database.url, 'session');
    const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-pooled-'));
    const settings = { DATABASE_URL: pooler.url, SESSION_LEDGER_DATA_DIR: folder, PORT: '0' };
    const environment = readEnvironment({ ...settings, SESSION_LEDGER_DRAIN_PAUSE_SECONDS: '0' });
    const service = await startService(environment, serviceLog('silent', process.stderr), () => undefined);
    const api = clientOf(service.address, readFileSync(path.join(folder, 'admin-key'), 'utf8').trim());
    const { body } = await api.post('/v1/sessions', { userId: 'alice' });
    const uses = Array.from({ length: 50 }, () => api.post('/v1/sessions/use', { token: body['token'] }));
    expect((await Promise.all(uses)).every(({ body: used }) => used['active'] === true)).toBe(true);
    let answer = await api.post('/v1/login-state', { userId: 'alice' });
    while (answer.body['checkpoint'] === null) answer = await api.post('/v1/login-state', { userId: 'alice' });
    expect(answer.body).toMatchObject({ answer: 'logged_in' });
    expect((await api.get('/health/ready')).status).toBe(200);
    await service.stop();
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['in transaction mode', 'transaction', ''],
    ['in session mode without a reset between clients', 'session', 'server_reset_query ='],
    ['in transaction mode with a reset after every transaction', 'transaction', 'server_reset_query_always = 1'],
  ] as const)('%s, connections are refused: their pins would be met by others, or not hold', async (_, mode, more) => {
    pooler = await startPooler(database.url, mode, more);
    const outcome = await refusal(pooler.url);
    expect(outcome).toMatchObject({ code: 'ERR_CONFIGURATION', message: expect.stringMatching(/pool_mode = session/) });
  });

  /** What a second pool is told, or several connections at once. */
  async function refusal(url: string): Promise<unknown> {
    try {
      for (let time = 0; time < 2; time += 1) {
        const dataSource = await pool(url);
        try {
          await threeAtOnce(dataSource);
        } finally {
          await dataSource.destroy();
        }
      }
      return undefined;
    } catch (failure) {
      return failure;
    }
  }
});

const pinsSql = `
SELECT current_user AS role, current_setting('TimeZone') AS zone, current_setting('synchronous_commit') AS durability,
       current_setting('lock_timeout') AS lock`;
