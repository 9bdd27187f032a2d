import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { Bearers } from './bearers.js';
import { present } from './ledger-contradictions.js';
import { factsAfter, nothingLost } from './recorded-facts.js';
import { startInstance, type RunningInstance } from './running-instance.js';

describe('a database that refuses, cancels, stalls and deadlocks', () => {
  const login = `crowded_${randomBytes(4).toString('hex')}`;
  let database: TestDatabase;
  let instance: RunningInstance;
  let outside: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    outside = new pg.Client({ connectionString: database.url });
    await outside.connect();
    // No superuser: they pass every limit on connections.
    await outside.query(`CREATE ROLE ${login} LOGIN PASSWORD 'secret'`);
    const url = new URL(database.url);
    [url.username, url.password] = [login, 'secret'];
    instance = await startInstance(url.toString(), {
      database: { url: url.toString(), migrationUrl: database.url },
    });
  });

  afterAll(async () => {
    await instance.stop();
    await outside.query(`DROP ROLE ${login}`);
    await outside.end();
    await database.drop();
  });

  const onEachBackend = (what: 'pg_terminate_backend' | 'pg_cancel_backend'): Promise<unknown> =>
    outside.query(`SELECT ${what}(pid) FROM pg_stat_activity WHERE usename = $1`, [login]);

  test('with no connection to be had, uses are refused at once and go on by themselves when there is one', async () => {
    const { token } = await instance.sessions.open({ userId: 'alice' });
    const bearers = new Bearers([instance.sessions], 20);
    await bearers.untilAccepted(100);
    await outside.query(`ALTER ROLE ${login} CONNECTION LIMIT 0`);
    await onEachBackend('pg_terminate_backend');
    await sleep(200);

    const askedAt = performance.now();
    const refused = await Promise.all(Array.from({ length: 50 }, () => present(instance.sessions, token)));
    const answeredAfterMs = performance.now() - askedAt;
    await outside.query(`ALTER ROLE ${login} CONNECTION LIMIT -1`);
    await bearers.untilAccepted(100);
    const told = await bearers.stop();

    expect(refused).toEqual(Array.from({ length: 50 }, () => ({ notRecorded: 'ERR_LEDGER_UNAVAILABLE' })));
    expect(answeredAfterMs).toBeLessThan(2_000);
    const { used, ...facts } = await factsAfter(database.url, told);
    expect(facts).toEqual(nothingLost);
    expect(used).toBeGreaterThanOrEqual(told.accepted.length);
  });

  test('a statement that is cancelled has recorded nothing, and its uses are refused', async () => {
    const before = await usesOn(outside);
    const bearers = new Bearers([instance.sessions], 20);
    for (let cancel = 0; cancel < 40; cancel += 1) {
      await sleep(25);
      await onEachBackend('pg_cancel_backend');
    }
    const told = await bearers.stop();

    const { used, ...facts } = await factsAfter(database.url, told);
    expect(facts).toEqual(nothingLost);
    // Unlike a lost connection, a cancelled statement leaves nothing in doubt.
    expect(used - before).toBe(told.accepted.length);
    expect(told.refused).toEqual({});
    expect(Object.keys(told.notRecorded)).toEqual(['ERR_LEDGER_BUSY']);
  });

  test('logins that wait for one locked user stall nobody else’s uses', async () => {
    const { token } = await instance.sessions.open({ userId: 'bob' });
    await instance.sessions.open({ userId: 'carol' });
    await instance.sessions.use(token);
    await outside.query('BEGIN');
    await outside.query(`SELECT 1 FROM session_ledger.subject WHERE user_id = 'carol' FOR UPDATE`);
    const logins = Promise.allSettled(Array.from({ length: 30 }, () => instance.sessions.open({ userId: 'carol' })));
    await sleep(200);

    const askedAt = performance.now();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => present(instance.sessions, token)));
    const answeredAfterMs = performance.now() - askedAt;
    await outside.query('COMMIT');
    const settled = await logins;

    expect(outcomes.filter((outcome) => 'accepted' in outcome)).toHaveLength(20);
    expect(answeredAfterMs).toBeLessThan(1_000);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(30);
  });

  test('a deadlock with an application that locks rows in another order ends one of the two, and leaves nothing half done', async () => {
    const held = await Promise.all([1, 2].map(() => instance.sessions.open({ userId: 'dave' })));
    const [first, second] = held.map(({ session }) => session.sessionId).sort();
    const lock = 'SELECT 1 FROM session_ledger.session WHERE session_id = $1 FOR UPDATE';
    await outside.query(`SET deadlock_timeout = '10s'`); // the service's statement finds the deadlock, and is its victim
    await outside.query('BEGIN');
    await outside.query(lock, [second]);
    const revoking = instance.sessions.revokeSessions('dave', { reason: 'password_changed' });
    await sleep(200);
    const locking = outside.query(lock, [first]);

    await expect(revoking).rejects.toMatchObject({ code: 'ERR_LEDGER_BUSY', retryAfterSeconds: 1 });
    await locking;
    await outside.query('COMMIT');
    for (const { token } of held) expect(await present(instance.sessions, token)).toMatchObject({ accepted: {} });
    expect(await instance.sessions.revokeSessions('dave', { reason: 'password_changed' })).toEqual({ revoked: 2 });
  });
});

async function usesOn(outside: pg.Client): Promise<number> {
  const { rows } = await outside.query(
    `SELECT count(*)::integer AS uses FROM session_ledger.event WHERE kind = 'used'`,
  );
  return rows[0].uses;
}
