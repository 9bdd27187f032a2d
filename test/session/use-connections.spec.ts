import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { UseBatches } from '../../src/session/use-batches.js';
import { outcomeOf, presentTo, setUpUses, type UsedLedger } from './used-ledger.js';

describe('uses while connections are not what they should be', () => {
  let ledger: UsedLedger;
  const closing: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    ledger = await setUpUses();
  });

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  afterAll(() => ledger.close());

  test('are refused in time, one after the other, while the only writer waits for a connection that is never ready', async () => {
    let isReady = true;
    let letReady = (): void => undefined;
    const ready = new Promise<void>((resolve) => (letReady = resolve));
    const dataSource = await ledgerDataSource({
      url: ledger.url,
      role: 'writer',
      poolSize: 2,
      applicationName: 'never ready',
      onConnection: () => (isReady ? Promise.resolve() : ready),
    }).initialize();
    const batches = new UseBatches(dataSource, { writers: 1, maxWaitMs: 300 });
    closing.push(async () => {
      letReady();
      await batches.close();
      await dataSource.destroy();
    });
    const { token } = await ledger.openSession();
    await presentUntilAccepted(batches, token);
    isReady = false;
    await ledger.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'never ready' AND datname = current_database()`,
    );

    const inTime = async (): Promise<string> => {
      // Not only the first one: the watch over those who wait must not go to sleep with the writer still stuck.
      const outcome = await Promise.race([outcomeOf(presentTo(batches, token)), sleep(3_000, 'hangs')]);
      await sleep(600);
      return outcome;
    };
    let outcome = await inTime();
    // The pool may first hand out the connection that has just been cut.
    if (outcome !== 'ERR_LEDGER_UNAVAILABLE') outcome = await inTime();
    expect([outcome, await inTime(), await inTime()]).toEqual(Array(3).fill('ERR_LEDGER_UNAVAILABLE'));

    letReady();
    await presentUntilAccepted(batches, token);
  });

  test('are recorded within the limits by default where settings that were not set are handed over as undefined', async () => {
    const notSet = { writers: undefined, maxBatch: undefined, maxQueue: undefined, rememberedTokens: undefined };
    const { batches } = await ledger.anotherInstance({ ...notSet, maxWaitMs: undefined });
    const { token } = await ledger.openSession();
    await presentUntilAccepted(batches, token);
    await ledger.admin.query('BEGIN');
    await ledger.admin.query('ALTER SEQUENCE session_ledger.client_id_block INCREMENT BY 1000');

    const outcome = await Promise.race([
      outcomeOf(presentTo(batches, token, { ip: '203.0.113.8' })),
      sleep(20_000, 'hangs'),
    ]);
    await ledger.admin.query('ROLLBACK');

    expect(outcome).toMatch(/^ERR_LEDGER_/);
  });

  test('are refused in time while ids for their clients are not to be had', async () => {
    const { batches } = await ledger.anotherInstance({ maxWaitMs: 300 });
    const { token } = await ledger.openSession();
    await presentUntilAccepted(batches, token);
    await ledger.admin.query('BEGIN');
    await ledger.admin.query('ALTER SEQUENCE session_ledger.client_id_block INCREMENT BY 1000');

    const outcome = await Promise.race([
      outcomeOf(presentTo(batches, token, { ip: '203.0.113.9' })),
      sleep(3_000, 'hangs'),
    ]);
    await ledger.admin.query('ROLLBACK');

    expect(outcome).toBe('ERR_LEDGER_UNAVAILABLE');
    await presentUntilAccepted(batches, token, { ip: '203.0.113.9' });
  });

  test('wait for the writers that have a connection when the server grants no further one', async () => {
    const login = `one_connection_${randomBytes(4).toString('hex')}`;
    await ledger.admin.query(`CREATE ROLE ${login} LOGIN PASSWORD 'secret' CONNECTION LIMIT 1`);
    await ledger.admin.query(`GRANT session_ledger_writer TO ${login}`);
    const url = new URL(ledger.url);
    [url.username, url.password] = [login, 'secret'];
    const source = { url: url.toString(), role: 'writer', poolSize: 4, applicationName: 'one connection' } as const;
    const dataSource = await ledgerDataSource(source).initialize();
    const batches = new UseBatches(dataSource, { writers: 3, maxBatch: 5 });
    closing.push(async () => {
      await batches.close();
      await dataSource.destroy();
      await ledger.admin.query(`DROP ROLE ${login}`);
    });
    const sessions = await Promise.all(Array.from({ length: 20 }, () => ledger.openSession()));
    await presentTo(batches, sessions[0]!.token);
    const blocker = new pg.Client({ connectionString: ledger.url });
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE ONLY session_ledger.event IN SHARE MODE');

    // The first batch waits for the table; the others ask for connections in the meantime, and are refused them.
    const uses: Promise<string>[] = [];
    for (const { token } of sessions) {
      uses.push(outcomeOf(presentTo(batches, token)));
      await sleep(10);
    }
    await blocker.end();

    expect(new Set(await Promise.all(uses))).toEqual(new Set(['accepted']));
  });

  test('are recorded with what is known of the database when their batch leaves, not when they were asked for', async () => {
    const { batches } = await ledger.anotherInstance({ writers: 1 });
    const [session, other] = [await ledger.openSession(), await ledger.openSession()];
    const ip = '203.0.113.20';
    await presentTo(batches, session.token, { ip });
    const blocker = new pg.Client({ connectionString: ledger.url });
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE ONLY session_ledger.event IN SHARE MODE');
    const underWay = outcomeOf(presentTo(batches, other.token));
    await sleep(50);
    const queued = outcomeOf(presentTo(batches, session.token, { ip }));
    // Another database, where the client has another id, and another instance the one that this client had.
    await ledger.admin.query('UPDATE session_ledger.client SET client_id = client_id + 500000 WHERE ip = $1', [ip]);
    batches.forgetDatabase();
    await blocker.end();

    expect([await underWay, await queued]).toEqual(['accepted', 'accepted']);
    const [, , last] = await ledger.eventsOf(session.sessionId);
    const { rows } = await ledger.admin.query('SELECT client_id FROM session_ledger.client WHERE ip = $1', [ip]);
    expect(last!.client_id).toBe(rows[0].client_id);
  });

  test('may come from more new clients at once than there are ids in one block', async () => {
    const { batches } = await ledger.anotherInstance({ writers: 2, maxBatch: 1_500 });
    const sessions = await Promise.all(Array.from({ length: 25 }, () => ledger.openSession()));
    const uses = sessions.flatMap(({ token }, n) =>
      Array.from({ length: 50 }, (_, ip) => outcomeOf(presentTo(batches, token, { ip: `198.51.${n}.${ip}` }))),
    );

    expect(new Set(await Promise.all(uses))).toEqual(new Set(['accepted']));
  });

  /** Where an instance has less time than a machine under load may take for its first statement. */
  async function presentUntilAccepted(...use: Parameters<typeof presentTo>): Promise<void> {
    while ((await outcomeOf(presentTo(...use))) !== 'accepted') await sleep(10);
  }
});
