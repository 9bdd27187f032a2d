import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { HorizonFence, readHorizon } from '../../src/ledger/horizon.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { toSessionLedgerError } from '../../src/ledger/sqlstate.js';
import { ApiKeyAuthentication } from '../../src/operator/authenticate-api-key.js';
import { createApiKey } from '../../src/operator/create-api-key.js';
import { superuserOf } from '../ledger/session-writer.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { Doorway } from './doorway.js';
import { present } from './ledger-contradictions.js';
import { startInstance } from './running-instance.js';

describe('a server that is gone without a word', () => {
  let database: TestDatabase;
  let door: Doorway;
  let pool: DataSource;
  let observer: DataSource;

  beforeEach(async () => {
    database = await createTestDatabase();
    door = await Doorway.open(Number(new URL(database.url).port));
    pool = await poolOf({ statementTimeoutMs: 1_000 });
    observer = await superuserOf(database);
  });

  afterEach(async () => {
    door.speakAgain();
    await pool.destroy();
    await observer.destroy();
    await door.close();
    await database.drop();
  });

  const poolOf = (options: { statementTimeoutMs?: number }): Promise<DataSource> =>
    ledgerDataSource({
      url: door.urlOf(database.url),
      role: 'writer',
      poolSize: 2,
      applicationName: 'test',
      ...options,
    }).initialize();

  test('fails what is asked of it five seconds after the limit it was given, also within a transaction; later connections are heard', async () => {
    const begun = performance.now();
    const inTransaction = pool.transaction(async (manager) => {
      await manager.query('SELECT 1');
      door.fallSilent();
      await manager.query('SELECT 2');
    });
    const alone = sleep(100).then(() => pool.query('SELECT 3'));

    const failures = await Promise.all([failureOf(inTransaction), failureOf(alone)]);

    expect(failures.map(({ code }) => code)).toEqual(['ERR_LEDGER_UNAVAILABLE', 'ERR_LEDGER_UNAVAILABLE']);
    expect(performance.now() - begun).toBeLessThan(9_000); // 6 s and no rollback that waits as long again
    door.speakAgain();
    expect(await Promise.all([pool.query('SELECT 4 AS n'), pool.query('SELECT 4 AS n')])).toEqual([
      [{ n: 4 }],
      [{ n: 4 }],
    ]);
  });

  test('has uses refused in time and let none through; they pass again by themselves once it is heard', async () => {
    const instance = await startInstance(door.urlOf(database.url), {
      migrate: false,
      background: false,
      uses: { maxWaitMs: 1_000 },
    });
    const { token } = await instance.sessions.open({ userId: 'alice' });
    await instance.sessions.use(token);
    door.fallSilent();
    const begun = performance.now();
    const during = await Promise.all(Array.from({ length: 30 }, () => present(instance.sessions, token)));
    const tookMs = performance.now() - begun;
    door.speakAgain();

    expect(during).toEqual(Array.from({ length: 30 }, () => ({ notRecorded: 'ERR_LEDGER_UNAVAILABLE' })));
    expect(tookMs).toBeLessThan(3_000);
    while (!('accepted' in (await present(instance.sessions, token)))) await sleep(20);
    await instance.stop();
  });

  test('keeps API keys waiting for seconds and not for minutes, and tells who holds them once it is heard', async () => {
    const { key } = await createApiKey(pool, { name: 'desk', roles: ['analyst'], createdBy: 'test' });
    const patient = await poolOf({});
    const keys = new ApiKeyAuthentication(patient);
    await keys.holderOf(key);
    door.fallSilent();

    const first = failureOf(keys.holderOf(key));
    const gathered = failureOf(sleep(50).then(() => keys.holderOf(key)));
    expect((await first).code).toBe('ERR_LEDGER_UNAVAILABLE');
    door.speakAgain();

    await gathered;
    expect(await keys.holderOf(key)).toMatchObject({ name: 'desk' });
    await patient.destroy();
  });

  test('holds the horizon no longer than it is gone', async () => {
    const failures: string[] = [];
    const fence = new HorizonFence({
      url: door.urlOf(database.url),
      role: 'writer',
      everyMs: 50,
      onFailure: ({ code }) => failures.push(code),
    });
    fence.start();
    await untilRaised(observer);
    door.fallSilent();
    while (failures.length === 0) await sleep(50);
    door.speakAgain();

    await untilRaised(observer);
    expect(new Set(failures)).toEqual(new Set(['ERR_LEDGER_UNAVAILABLE']));
    await fence.stop();
  });

  test('does not keep the fence from stopping', async () => {
    const fence = new HorizonFence({
      url: door.urlOf(database.url),
      role: 'writer',
      everyMs: 60_000,
      onFailure: () => undefined,
    });
    fence.start();
    await untilRaised(observer);
    await sleep(100);
    door.fallSilent();
    const begun = performance.now();
    await fence.stop();
    expect(performance.now() - begun).toBeLessThan(4_000);
  });
});

async function failureOf(call: Promise<unknown>): Promise<{ code: string }> {
  try {
    await call;
  } catch (failure) {
    return toSessionLedgerError(failure);
  }
  return { code: 'none' };
}

async function untilRaised(executor: DataSource): Promise<void> {
  const before = await readHorizon(executor);
  while ((await readHorizon(executor)) === before) await sleep(20);
}
