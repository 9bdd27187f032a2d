import { microsecondsOf } from '../../src/ledger/instant.js';
import { setUpUses, type UsedLedger } from './used-ledger.js';

describe('the use of a session', () => {
  let ledger: UsedLedger;

  beforeAll(async () => {
    ledger = await setUpUses();
  });

  afterAll(() => ledger.close());

  test('is accepted with what the session is, and leaves one used event that carries the new deadline', async () => {
    const session = await ledger.openSession({ user: 'alice', idleSeconds: 600 });

    const result = await ledger.use(session.token);

    expect(result).toMatchObject({
      active: true,
      session: {
        sessionId: session.sessionId,
        subjectId: session.subjectId,
        userId: 'alice',
        realm: 'default',
        application: 'web',
        idleSeconds: 600,
        amr: ['pwd'],
        acr: null,
        actor: null,
      },
    });
    const [created, used] = await ledger.eventsOf(session.sessionId);
    expect(created).toMatchObject({ kind: 'created', session_seq: 1 });
    expect(used).toMatchObject({ kind: 'used', session_seq: 2, reason: null });
    if (!result.active) throw new Error('refused');
    expect(microsecondsOf(result.session.expiresAt) - microsecondsOf(result.session.lastUsedAt)).toBe(600_000_000n);
  });

  test('says the same of a session whose facts it remembers as of one it reads for the first time', async () => {
    const session = await ledger.openSession({ user: 'bob' });

    const first = await ledger.use(session.token);
    const second = await ledger.use(session.token);

    if (!first.active || !second.active) throw new Error('refused');
    expect(Object.keys(second.session).sort()).toEqual(Object.keys(first.session).sort());
    expect(second.session).toMatchObject({
      ...first.session,
      lastUsedAt: expect.any(String),
      expiresAt: expect.any(String),
    });
    expect(microsecondsOf(second.session.lastUsedAt)).toBeGreaterThan(microsecondsOf(first.session.lastUsedAt));
  });

  test('numbers many uses of one session in one batch without a gap, and never dates one before another', async () => {
    const session = await ledger.openSession();

    const results = await Promise.all(Array.from({ length: 150 }, () => ledger.use(session.token)));

    expect(results.every((result) => result.active)).toBe(true);
    const events = await ledger.eventsOf(session.sessionId);
    expect(events.map((event) => event.session_seq)).toEqual(Array.from({ length: 151 }, (_, index) => index + 1));
    expect(events.map((event) => event.occurred_at)).toEqual(events.map((event) => event.occurred_at).sort());
  });

  test('a passive use is recorded and leaves the deadline where it was', async () => {
    const session = await ledger.openSession({ idleSeconds: 600 });

    const results = await Promise.all([
      ledger.use(session.token, { passive: true }),
      ledger.use(session.token),
      ledger.use(session.token, { passive: true }),
    ]);

    const [created, polled, used, polledAgain] = await ledger.eventsOf(session.sessionId);
    expect(results.every((result) => result.active)).toBe(true);
    expect(polled).toMatchObject({ reason: 'passive', expires_at: created!.expires_at });
    expect(used!.expires_at! > created!.expires_at!).toBe(true);
    expect(polledAgain).toMatchObject({ reason: 'passive', expires_at: used!.expires_at });
  });

  test('idle never reaches beyond the absolute deadline, and a session without idle keeps the absolute one', async () => {
    const capped = await ledger.openSession({ idleSeconds: 86_400, absoluteSeconds: 86_400 });
    const absoluteOnly = await ledger.openSession({ idleSeconds: null });

    await Promise.all([ledger.use(capped.token), ledger.use(absoluteOnly.token)]);

    for (const session of [capped, absoluteOnly]) {
      const [created, used] = await ledger.eventsOf(session.sessionId);
      expect(used!.expires_at).toBe(created!.expires_at);
    }
  });
});
