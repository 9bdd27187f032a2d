import type { UseObserver } from '../../src/session/use-observer.js';
import { presentTo, setUpUses, withWrongSecret, type UsedLedger } from './used-ledger.js';

describe('the refusal of a use', () => {
  let ledger: UsedLedger;

  beforeAll(async () => {
    ledger = await setUpUses();
  });

  afterAll(() => ledger.close());

  test('a wrong secret beside a right one in a batch: refused and accepted, each on its own', async () => {
    const [one, other] = [await ledger.openSession(), await ledger.openSession()];
    const [wrongForOne, wrongForOther] = [withWrongSecret(one), withWrongSecret(other)];

    const results = await Promise.all([
      ledger.use(one.token),
      ledger.use(wrongForOne),
      ledger.use(one.token),
      ledger.use(wrongForOther),
      ledger.use(other.token),
    ]);

    expect(results.map((result) => (result.active ? 'accepted' : result.why))).toEqual([
      'accepted',
      'wrong_secret',
      'accepted',
      'wrong_secret',
      'accepted',
    ]);
    expect(await ledger.eventsOf(one.sessionId)).toHaveLength(3);
    expect(await ledger.eventsOf(other.sessionId)).toHaveLength(2);
  });

  test('the secret of one session does not open another, although both are live', async () => {
    const [one, other] = [await ledger.openSession(), await ledger.openSession()];
    await Promise.all([ledger.use(one.token), ledger.use(other.token)]);
    const crossed = Buffer.concat([
      Buffer.from(other.sessionId.replaceAll('-', ''), 'hex'),
      Buffer.from(one.token, 'base64url').subarray(16),
    ]).toString('base64url');

    const results = await Promise.all([ledger.use(one.token), ledger.use(crossed), ledger.use(other.token)]);

    expect(results.map((result) => (result.active ? 'accepted' : result.why))).toEqual([
      'accepted',
      'wrong_secret',
      'accepted',
    ]);
  });

  test('after the deadline the right secret is told that its session expired, and nothing is recorded', async () => {
    const session = await ledger.openSession({ idleSeconds: 1 });
    await new Promise((resolve) => setTimeout(resolve, 1_100));

    expect(await ledger.use(session.token)).toEqual({ active: false, why: 'expired' });
    expect(await ledger.use(withWrongSecret(session))).toEqual({ active: false, why: 'wrong_secret' });
    expect(await ledger.eventsOf(session.sessionId)).toHaveLength(1);
  });

  test('an ended session and one that never was are told apart for the guard, and neither leaves an event', async () => {
    const session = await ledger.openSession();
    await ledger.admin.query(`SELECT session_ledger.revoke_session($1, NULL, 'logout', NULL, NULL, NULL, 1)`, [
      session.sessionId,
    ]);
    const never = await ledger.openSession();
    const stranger = `${'A'.repeat(20)}${never.token.slice(20)}`;

    expect(await ledger.use(session.token)).toEqual({ active: false, why: 'ended' });
    expect(await ledger.use(stranger)).toEqual({ active: false, why: 'unknown' });
    expect(await ledger.eventsOf(session.sessionId)).toHaveLength(2);
  });

  test('a wrong secret for a known session is news once a minute, however often it is tried', async () => {
    const heard: string[] = [];
    const observer: UseObserver = {
      useAccepted: () => undefined,
      batchRecorded: () => undefined,
      useRefused: () => undefined,
      useNotRecorded: () => undefined,
      wrongSecretPresented: (id) => heard.push(id),
    };
    const { batches } = await ledger.anotherInstance({ observer });
    const session = await ledger.openSession();

    for (let i = 0; i < 10; i++) await presentTo(batches, withWrongSecret(session));

    expect(heard).toEqual([session.sessionId]);
  });
});
