import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { outcomeOf, presentTo, setUpUses, type OpenedSession, type UsedLedger } from './used-ledger.js';

describe('the use of a session whose row somebody else has locked', () => {
  let ledger: UsedLedger;

  beforeAll(async () => {
    ledger = await setUpUses();
  });

  afterAll(() => ledger.close());

  test('a locked row stalls nobody: others pass while it is held, and its own use waits for the lock', async () => {
    const [held, free] = [await ledger.openSession(), await ledger.openSession()];
    // Once before, so that the statement is planned and only the lock is left to wait for.
    await Promise.all([ledger.use(held.token), ledger.use(free.token)]);
    await ledger.admin.query('BEGIN');
    await ledger.admin.query('SELECT 1 FROM session_ledger.session WHERE session_id = $1 FOR UPDATE', [held.sessionId]);
    let heldIsSettled = false;
    const waiting = ledger.use(held.token).finally(() => (heldIsSettled = true));

    const others = await Promise.all(Array.from({ length: 20 }, () => ledger.use(free.token)));
    const wasSettledBefore = heldIsSettled;
    await ledger.admin.query('COMMIT');

    expect(others.every((result) => result.active)).toBe(true);
    expect(wasSettledBefore).toBe(false);
    expect(await waiting).toMatchObject({ active: true });
  });

  test('a row that stays locked is refused within two seconds as not recorded, and leaves no event', async () => {
    const held = await ledger.openSession();
    await ledger.admin.query('BEGIN');
    await ledger.admin.query('SELECT 1 FROM session_ledger.session WHERE session_id = $1 FOR UPDATE', [held.sessionId]);

    await expect(ledger.use(held.token)).rejects.toMatchObject({ code: 'ERR_LEDGER_BUSY', retryAfterSeconds: 1 });

    await ledger.admin.query('ROLLBACK');
    expect(await ledger.eventsOf(held.sessionId)).toHaveLength(1);
    expect(await ledger.use(held.token)).toMatchObject({ active: true });
  });

  test('a session revoked while its use waited for the row is refused as ended', async () => {
    const held = await ledger.openSession();
    await ledger.admin.query('BEGIN');
    await ledger.admin.query(`SELECT session_ledger.revoke_session($1, NULL, 'admin', NULL, NULL, NULL, 1)`, [
      held.sessionId,
    ]);
    const waiting = ledger.use(held.token);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await ledger.admin.query('COMMIT');

    expect(await waiting).toEqual({ active: false, why: 'ended' });
  });

  test('many uses of a session that stays locked are all refused within two seconds, and a session that is locked for a moment does not wait behind them', async () => {
    const [held, briefly] = [await ledger.openSession(), await ledger.openSession()];
    const lettingGo = await locked(briefly);
    const holding = await locked(held);
    const askedAt = performance.now();
    const refused = Promise.all(Array.from({ length: 100 }, () => outcomeOf(ledger.use(held.token))));
    await sleep(150); // those are in the lane by now
    const brief = ledger.use(briefly.token);
    await sleep(100);
    await lettingGo();

    expect(await brief).toMatchObject({ active: true });
    const briefAfterMs = performance.now() - askedAt;
    expect(new Set(await refused)).toEqual(new Set(['ERR_LEDGER_BUSY']));
    const refusedAfterMs = performance.now() - askedAt;
    await holding();
    // Not after every other one's turn, which would be 50 seconds.
    expect(briefAfterMs).toBeLessThan(1_500);
    expect(refusedAfterMs).toBeLessThan(3_000);
    expect(await ledger.eventsOf(held.sessionId)).toHaveLength(1);
    expect(await ledger.use(held.token)).toMatchObject({ active: true });
  });

  test('all uses of a session that is locked for a moment are recorded once it is free', async () => {
    const session = await ledger.openSession();
    const lettingGo = await locked(session);
    const uses = Promise.all(Array.from({ length: 150 }, () => outcomeOf(ledger.use(session.token))));
    await sleep(200);
    await lettingGo();

    expect(new Set(await uses)).toEqual(new Set(['accepted']));
    expect((await ledger.eventsOf(session.sessionId)).map(({ session_seq: seq }) => seq)).toEqual(
      Array.from({ length: 151 }, (_, i) => i + 1),
    );
  });

  test('those who wait for a locked session leave the queue to everybody else, and one more than two hundred is refused at once', async () => {
    const { batches } = await ledger.anotherInstance({ maxQueue: 300 });
    const [held, free] = [await ledger.openSession(), await ledger.openSession()];
    await presentTo(batches, free.token);
    const lettingGo = await locked(held);
    const answered: string[] = [];
    const waiting = Array.from({ length: 290 }, async () => {
      answered.push(await outcomeOf(presentTo(batches, held.token)));
    });
    while (answered.length < 90) await sleep(5);
    const meanwhile = await Promise.all(Array.from({ length: 150 }, () => outcomeOf(presentTo(batches, free.token))));
    await lettingGo();

    expect(new Set(meanwhile)).toEqual(new Set(['accepted']));
    await Promise.all(waiting);
    expect(answered.slice(0, 90)).toEqual(Array(90).fill('ERR_LEDGER_BUSY'));
  });

  test('an instance that stops while sessions are locked has answered everybody within two seconds', async () => {
    const { batches } = await ledger.anotherInstance();
    const held = await Promise.all(Array.from({ length: 20 }, () => ledger.openSession()));
    const lettingGo = await locked(...held);
    const uses = Promise.all(held.map(({ token }) => outcomeOf(presentTo(batches, token))));
    await sleep(100);
    const stoppedAt = performance.now();
    await batches.close();
    const tookMs = performance.now() - stoppedAt;
    await lettingGo();

    expect(new Set(await uses)).toEqual(new Set(['ERR_LEDGER_BUSY']));
    expect(tookMs).toBeLessThan(2_500);
  });

  test('uses of a row that two instances take again and again all get their turn', async () => {
    const other = await ledger.anotherInstance({ writers: 4, maxBatch: 5 });
    const session = await ledger.openSession();
    // What was refused may be on the ledger all the same: nobody knew in time.
    let refused = 0;
    const untilAccepted = async (batches: UsedLedger['batches']): Promise<void> => {
      while ((await outcomeOf(presentTo(batches, session.token))) !== 'accepted') refused += 1;
    };

    await Promise.all(
      Array.from({ length: 400 }, (_, n) => untilAccepted(n % 2 === 0 ? ledger.batches : other.batches)),
    );

    const events = (await ledger.eventsOf(session.sessionId)).map(({ session_seq: seq }) => seq);
    expect(events).toEqual(events.map((_, i) => i + 1));
    expect(events.length).toBeGreaterThanOrEqual(401);
    expect(events.length).toBeLessThanOrEqual(401 + refused);
  });

  /** Locks rows on a connection of its own; what it returns lets them go. */
  async function locked(...sessions: OpenedSession[]): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: ledger.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM session_ledger.session WHERE session_id = ANY ($1) ORDER BY 1 FOR UPDATE', [
      sessions.map(({ sessionId }) => sessionId),
    ]);
    return () => client.end();
  }
});
