import pg from 'pg';
import { outcomeOf, setUpUses } from './used-ledger.js';

describe('promise 9: fail closed', () => {
  test('with the database gone, every use is refused as not recorded; when it is back, uses pass again by themselves', async () => {
    const ledger = await setUpUses({ maxWaitMs: 2_000 });
    const session = await ledger.openSession();
    await ledger.use(session.token);
    await ledger.letConnectionsIn(false);
    const refused = await Promise.allSettled(Array.from({ length: 50 }, () => ledger.use(session.token)));
    expect(refused.map((result) => result.status === 'rejected' && result.reason.code)).toEqual(
      Array.from({ length: 50 }, () => 'ERR_LEDGER_UNAVAILABLE'),
    );
    expect(await ledger.eventsOf(session.sessionId)).toHaveLength(2);

    await ledger.letConnectionsIn(true);
    expect(await ledger.use(session.token)).toMatchObject({ active: true });
    await ledger.close();
  });

  test('killed connections under load lose nothing: accepted uses and used events are the same number', async () => {
    const ledger = await setUpUses();
    const sessions = await Promise.all(Array.from({ length: 40 }, () => ledger.openSession()));
    let accepted = 0;
    let notRecorded = 0;
    const until = performance.now() + 3_000;
    const bearers = sessions.map(async ({ token }) => {
      while (performance.now() < until) {
        await ledger.use(token).then(
          (result) => (accepted += result.active ? 1 : 0),
          () => notRecorded++,
        );
      }
    });
    for (let kill = 0; kill < 8; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await ledger.admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test' AND datname = current_database()`,
      );
    }
    await Promise.all(bearers);

    const { rows } = await ledger.admin.query<{ used: number }>(
      `SELECT count(*)::integer AS used FROM session_ledger.event WHERE kind = 'used'`,
    );
    expect(notRecorded).toBeGreaterThan(0);
    // A commit in doubt is on the ledger although its request was refused: recorded without effect, never the reverse.
    expect(rows[0]!.used).toBeGreaterThanOrEqual(accepted);
    expect(rows[0]!.used).toBeLessThanOrEqual(accepted + notRecorded);
    await ledger.close();
  });

  test('a connection that PostgreSQL ends takes its own batch with it, and not the next one', async () => {
    const ledger = await setUpUses({ writers: 1, maxBatch: 1 });
    const [ended, next] = [await ledger.openSession(), await ledger.openSession()];
    await ledger.use(ended.token);
    const blocker = new pg.Client({ connectionString: ledger.url });
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE ONLY session_ledger.event IN SHARE MODE');

    const [endedUse, nextUse] = [outcomeOf(ledger.use(ended.token)), outcomeOf(ledger.use(next.token))];
    let killed: unknown[] = [];
    while (killed.length === 0) {
      killed = (
        await ledger.admin.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'test' AND datname = current_database() AND wait_event_type = 'Lock'`,
        )
      ).rows;
    }
    await blocker.end();

    expect([await endedUse, await nextUse]).toEqual(['ERR_LEDGER_UNAVAILABLE', 'accepted']);
    await ledger.close();
  });

  test('a database clock that stepped back by an hour stops recording, and nothing passes', async () => {
    const ledger = await setUpUses();
    const session = await ledger.openSession();
    await ledger.admin.query(
      `SELECT setval('session_ledger.clock_floor', ((extract(epoch FROM clock_timestamp()) + 3600) * 1000000)::bigint)`,
    );

    await expect(ledger.use(session.token)).rejects.toMatchObject({ code: 'ERR_CLOCK_BEHIND' });

    await ledger.admin.query(
      `SELECT setval('session_ledger.clock_floor', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)`,
    );
    expect(await ledger.use(session.token)).toMatchObject({ active: true });
    await ledger.close();
  });

  test('an entry that the database cannot read is refused alone; its neighbours in the batch are recorded', async () => {
    const ledger = await setUpUses();
    const [good, alsoGood, spoilt] = [
      await ledger.openSession(),
      await ledger.openSession(),
      await ledger.openSession(),
    ];

    const results = await Promise.allSettled([
      ledger.use(good.token),
      ledger.use(spoilt.token, { ip: 'not an address' }),
      ledger.use(alsoGood.token),
    ]);

    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await ledger.eventsOf(spoilt.sessionId)).toHaveLength(1);
    expect(await ledger.eventsOf(good.sessionId)).toHaveLength(2);
    await ledger.close();
  });

  test('a full queue refuses at once, and stopping waits for what is under way', async () => {
    const ledger = await setUpUses({ maxQueue: 10, writers: 2 });
    const session = await ledger.openSession();

    const results = Promise.allSettled(Array.from({ length: 30 }, () => ledger.use(session.token)));
    await ledger.batches.close();
    const settled = await results;

    expect(settled.filter((result) => result.status === 'fulfilled')).toHaveLength(10);
    expect(
      settled.filter((result) => result.status === 'rejected' && result.reason.code === 'ERR_LEDGER_BUSY'),
    ).toHaveLength(20);
    await expect(ledger.use(session.token)).rejects.toMatchObject({ code: 'ERR_LEDGER_UNAVAILABLE' });
    expect(await ledger.eventsOf(session.sessionId)).toHaveLength(11);
    await ledger.close();
  });
});
