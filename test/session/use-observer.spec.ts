import type { Sessions } from '../../src/session/sessions.js';
import type { UseObserver } from '../../src/session/use-observer.js';
import { mintNextToken } from '../../src/token/session-token.js';
import { setUpSessions, type SessionsLedger } from './sessions-ledger.js';
import { outcomeOf } from './used-ledger.js';

describe('the observer of uses', () => {
  let ledger: SessionsLedger;

  beforeAll(async () => {
    ledger = await setUpSessions();
  });

  afterAll(() => ledger.close());

  /** Counts what it hears, by how a use was answered. */
  function counting(): UseObserver & { readonly heard: Record<string, number> } {
    const heard: Record<string, number> = {};
    const count = (how: string): void => void (heard[how] = (heard[how] ?? 0) + 1);
    return {
      heard,
      useAccepted: () => count('accepted'),
      useRefused: count,
      useNotRecorded: count,
      batchRecorded: () => undefined,
      wrongSecretPresented: () => undefined,
    };
  }

  async function answersOf(uses: ReturnType<Sessions['use']>[]): Promise<Record<string, number>> {
    const counted: Record<string, number> = {};
    for (const use of uses) {
      const outcome = await outcomeOf(use);
      counted[outcome] = (counted[outcome] ?? 0) + 1;
    }
    return counted;
  }

  test('hears of each use once how it was answered, whichever way that came about', async () => {
    const observer = counting();
    const sessions = ledger.sessionsWith({ observer });
    const live = await sessions.open({ userId: 'alice' });
    const replaced = await sessions.open({ userId: 'bob' });
    await sessions.open({ userId: 'bob', replaces: replaced.token });
    const revoked = await sessions.open({ userId: 'carol' });
    await sessions.revoke(revoked.session.sessionId, { reason: 'logout' });
    const locked = await sessions.open({ userId: 'dave' });
    const passing = await sessions.open({ userId: 'erin' });
    const holding = await holdRows(locked.session.sessionId);
    const holdingShortly = await holdRows(passing.session.sessionId);

    const uses = [
      ...Array.from({ length: 30 }, () => sessions.use(live.token)),
      sessions.use(live.token, { passive: true, client: { ip: '203.0.113.7' } }),
      sessions.use('no token at all'),
      sessions.use(`${'A'.repeat(20)}${live.token.slice(20)}`),
      sessions.use(mintNextToken(live.session.sessionId).token),
      sessions.use(revoked.token),
      sessions.use(replaced.token),
      sessions.use(live.token, { client: { ip: 'nowhere' } }),
      sessions.use(live.token, { recordedBy: '' }),
      ...Array.from({ length: 5 }, () => sessions.use(locked.token)),
      ...Array.from({ length: 5 }, () => sessions.use(passing.token)),
    ];
    await outcomeOf(uses[0]!);
    await holdingShortly();
    const answered = await answersOf(uses);
    await holding();

    expect(answered).toEqual({
      accepted: 36,
      malformed: 1,
      unknown: 1,
      wrong_secret: 1,
      ended: 1,
      replaced: 1,
      ERR_INVALID_INPUT: 2,
      ERR_LEDGER_BUSY: 5,
    });
    expect(observer.heard).toEqual(answered);
  });

  test('hears once of a use whose recorder cannot be looked up, whose clock is behind, and that came when the instance stopped', async () => {
    const observer = counting();
    const sessions = ledger.sessionsWith({ observer });
    const { token } = await sessions.open({ userId: 'frank' });
    await ledger.superuser.query('REVOKE INSERT (name) ON session_ledger.recorder FROM session_ledger_writer');
    const nobody = [sessions.use(token, { recordedBy: 'new here' }), sessions.use(token, { recordedBy: 'new here' })];
    const answered = await answersOf(nobody);
    const [floor] = await ledger.rows<{ before: number }>(
      `SELECT last_value AS before FROM session_ledger.clock_floor`,
    );
    await ledger.superuser.query(
      `SELECT setval('session_ledger.clock_floor', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 60000000)`,
    );
    Object.assign(answered, await answersOf([sessions.use(token)]));
    await ledger.superuser.query(`SELECT setval('session_ledger.clock_floor', $1)`, [floor!.before]);
    await sessions.close();
    Object.assign(answered, await answersOf([sessions.use(token)]));

    expect(answered).toEqual({ ERR_CONFIGURATION: 2, ERR_CLOCK_BEHIND: 1, ERR_LEDGER_UNAVAILABLE: 1 });
    expect(observer.heard).toEqual(answered);
  });

  /** Locks the row of a session; what it returns lets it go. */
  async function holdRows(sessionId: string): Promise<() => Promise<void>> {
    const runner = ledger.superuser.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT 1 FROM session_ledger.session WHERE session_id = $1 FOR UPDATE', [sessionId]);
    return async () => {
      await runner.rollbackTransaction();
      await runner.release();
    };
  }
});
