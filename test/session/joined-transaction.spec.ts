import { DataSource, type EntityManager } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { resolvePolicy } from '../../src/session/policy.js';
import { Sessions } from '../../src/session/sessions.js';
import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

describe('a session that joins a transaction of the application', () => {
  let ledger: SessionsLedger;
  let application: DataSource;

  beforeAll(async () => {
    ledger = await setUpSessions();
    // The application's own connections: another time zone and DateStyle than the ledger's, another idea of int8.
    application = await new DataSource({
      type: 'postgres',
      url: ledger.url,
      extra: { options: '-c TimeZone=Asia/Tokyo -c DateStyle=German' },
    }).initialize();
    await application.query('CREATE TABLE account (user_id text PRIMARY KEY)');
  });

  afterAll(async () => {
    await application.destroy();
    await ledger.close();
  });

  /** A transaction that is left open until `end` is called. */
  async function heldTransaction(): Promise<{
    manager: EntityManager;
    end: (how: 'commit' | 'rollback') => Promise<void>;
  }> {
    const runner = application.createQueryRunner();
    await runner.startTransaction('READ COMMITTED');
    const end = async (how: 'commit' | 'rollback'): Promise<void> => {
      await (how === 'commit' ? runner.commitTransaction() : runner.rollbackTransaction());
      await runner.release();
    };
    return { manager: runner.manager, end };
  }

  test('exists with what the transaction wrote, and its instants do not depend on the connection', async () => {
    const opened = await application.transaction('READ COMMITTED', async (manager) => {
      await manager.query(`INSERT INTO account VALUES ('alice')`);
      return ledger.sessions.open({ userId: 'alice' }, { manager });
    });

    const [created] = await ledger.eventsOf(opened.session.sessionId);
    expect(created).toMatchObject({
      kind: 'created',
      occurredAt: opened.session.createdAt,
      expiresAt: opened.session.expiresAt,
    });
    expect(await ledger.sessions.use(opened.token)).toMatchObject({ active: true });
  });

  test('promise 1: leaves neither session nor event nor client when the transaction is rolled back', async () => {
    const { manager, end } = await heldTransaction();
    const { token, session } = await ledger.sessions.open({ userId: 'bob', client: { ip: '192.0.2.1' } }, { manager });

    await end('rollback');

    expect(await ledger.eventsOf(session.sessionId)).toEqual([]);
    expect(await ledger.rowOf(session.sessionId)).toBeUndefined();
    expect(await ledger.rows(`SELECT 1 FROM session_ledger.client WHERE session_id = $1`, [session.sessionId])).toEqual(
      [],
    );
    expect(await ledger.sessions.use(token)).toEqual({ active: false, why: 'unknown' });
  });

  test('promise 1: a revocation that is rolled back has not happened', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'carol' });
    const { manager, end } = await heldTransaction();

    expect(
      await ledger.sessions.revoke(session.sessionId, { reason: 'admin', note: 'by mistake' }, { manager }),
    ).toEqual({ revoked: 1 });
    await end('rollback');

    expect(await ledger.sessions.use(token)).toMatchObject({ active: true });
    expect((await ledger.eventsOf(session.sessionId)).map(({ kind }) => kind)).toEqual(['created', 'used']);
    expect(await ledger.rows(`SELECT 1 FROM session_ledger.note`)).toEqual([]);
  });

  test('cannot be used by anyone before the transaction commits', async () => {
    const { manager, end } = await heldTransaction();
    const { token } = await ledger.sessions.open({ userId: 'dave' }, { manager });

    expect(await ledger.sessions.use(token)).toEqual({ active: false, why: 'unknown' });
    await end('commit');

    expect(await ledger.sessions.use(token)).toMatchObject({ active: true });
  });

  test('a login in flight when all sessions are revoked is waited for, and then revoked', async () => {
    await ledger.sessions.open({ userId: 'erin' });
    const { manager, end } = await heldTransaction();
    const inFlight = await ledger.sessions.open({ userId: 'erin' }, { manager });

    let hasRevoked = false;
    const revoking = ledger.sessions
      .revokeSessions('erin', { reason: 'password_changed' })
      .then((outcome) => ((hasRevoked = true), outcome));
    await untilSomebodyWaitsForALock(ledger);
    expect(hasRevoked).toBe(false);
    await end('commit');

    expect(await revoking).toEqual({ revoked: 2 });
    expect(await ledger.sessions.use(inFlight.token)).toEqual({ active: false, why: 'ended' });
  });

  test('a login that comes while all sessions are being revoked is after it, and stays', async () => {
    const before = await ledger.sessions.open({ userId: 'frank' });
    const { manager, end } = await heldTransaction();
    expect(await ledger.sessions.revokeSessions('frank', { reason: 'password_changed' }, { manager })).toEqual({
      revoked: 1,
    });

    const opening = ledger.sessions.open({ userId: 'frank' });
    await untilSomebodyWaitsForALock(ledger);
    await end('commit');

    const after = await opening;
    expect(await ledger.sessions.use(after.token)).toMatchObject({ active: true });
    const [revoked] = (await ledger.eventsOf(before.session.sessionId)).slice(-1);
    expect(revoked!.occurredAt < after.session.createdAt).toBe(true);
  });

  test('is refused above READ COMMITTED, where a login in flight could be missed', async () => {
    await ledger.sessions.open({ userId: 'grace' });
    for (const level of ['REPEATABLE READ', 'SERIALIZABLE'] as const) {
      const opening = (manager: EntityManager): Promise<unknown> =>
        ledger.sessions.open({ userId: 'grace' }, { manager });
      const revoking = (manager: EntityManager): Promise<unknown> =>
        ledger.sessions.revokeSessions('grace', { reason: 'admin' }, { manager });

      expect((await refusalOf(application.transaction(level, opening))).code).toBe('ERR_ISOLATION_LEVEL');
      expect((await refusalOf(application.transaction(level, revoking))).code).toBe('ERR_ISOLATION_LEVEL');
    }
  });

  test('is refused outside a transaction, where a rollback would undo nothing', async () => {
    expect(await refusalOf(ledger.sessions.open({ userId: 'heidi' }, { manager: application.manager }))).toMatchObject({
      code: 'ERR_INVALID_INPUT',
      field: 'manager',
    });
  });

  test('needs no connection of the pool whose connections all wait for its user', async () => {
    // As the module has it: each new connection makes the process forget what it knows of the database.
    const pool: DataSource = ledgerDataSource({
      url: ledger.url,
      role: 'writer',
      poolSize: 2,
      applicationName: 'two connections',
      lockTimeoutMs: 60_000,
      onConnection: () => Promise.resolve(sessions.forgetDatabase()),
    });
    const sessions = new Sessions(pool, {
      realm: 'default',
      application: 'web',
      instance: 'web-2',
      policy: resolvePolicy('owasp-asvs-l2'),
    });
    await pool.initialize();
    const actor = { userId: 'support' };
    await sessions.open({ userId: 'judy', actor });
    const { manager, end } = await heldTransaction();
    expect(await sessions.revokeSessions('judy', { reason: 'password_changed', actor }, { manager })).toEqual({
      revoked: 1,
    });
    const waiting = Array.from({ length: 2 }, () => sessions.open({ userId: 'judy' }));
    await untilSomebodyWaitsForALock(ledger, 2);
    const behind = sessions.open({ userId: 'judy' });

    const joined = await sessions.open({ userId: 'judy', actor }, { manager });
    expect(await sessions.revoke(joined.session.sessionId, { reason: 'admin', actor }, { manager })).toEqual({
      revoked: 1,
    });
    await end('commit');

    expect((await Promise.all([...waiting, behind])).map(({ session }) => session.userId)).toEqual(
      Array.from({ length: 3 }, () => 'judy'),
    );
    await sessions.close();
    await pool.destroy();
  });

  test('limits how long the transaction may idle, because it holds back the horizon for everybody', async () => {
    const { manager, end } = await heldTransaction();
    await ledger.sessions.open({ userId: 'ivan' }, { manager });

    const [limit] = await manager.query<{ idle_in_transaction_session_timeout: string }[]>(
      'SHOW idle_in_transaction_session_timeout',
    );
    await end('commit');

    expect(limit).toEqual({ idle_in_transaction_session_timeout: '1min' });
  });
});

async function untilSomebodyWaitsForALock(ledger: SessionsLedger, many = 1): Promise<void> {
  for (let tried = 0; tried < 200; tried += 1) {
    const waiting = await ledger.rows(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (waiting.length >= many) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('nobody waits for a lock');
}
