import { LoginHistory } from '../../src/query/login-history.js';
import { setUpSessions, type SessionsLedger } from '../session/sessions-ledger.js';
import { ann } from './asked-bank.js';

describe('promise 3: answers come from the ledger alone', () => {
  let ledger: SessionsLedger;
  let history: LoginHistory;

  beforeAll(async () => {
    ledger = await setUpSessions();
    history = new LoginHistory(ledger.superuser);
  });

  afterAll(() => ledger.close());

  /** Everything that can be asked about the two, as of one instant. */
  const everythingAt = async (at: string, knownAt: string) => {
    const asked = ['ada', 'ben'].flatMap((userId) => [
      history.loginStateAt({ userId, at, knownAt }, ann),
      history.loginStateOver({ userId, from: '2020-01-01T00:00:00Z', to: at, knownAt }, ann),
    ]);
    return Promise.all([...asked, history.loggedInAt({ at, knownAt }, ann)]);
  };

  const settledNow = async (): Promise<string> => {
    const [row] = await ledger.rows<{ at: string }>('SELECT session_ledger.advance_horizon() AS at');
    return row!.at;
  };

  it('so emptying the sessions, changing the policy and recording another application change none of them', async () => {
    const stays = await ledger.sessions.open({ userId: 'ada', client: { ip: '203.0.113.7' } });
    await ledger.sessions.use(stays.token);
    const ends = await ledger.sessions.open({ userId: 'ben' });
    await ledger.sessions.revoke(ends.session.sessionId, { reason: 'logout' });
    const at = await settledNow();
    const knownAt = await settledNow();
    const before = await everythingAt(at, knownAt);
    expect(before[0]).toMatchObject({ answer: 'logged_in', sessions: [{ sessionId: stays.session.sessionId }] });
    expect(before[2]).toMatchObject({ answer: 'not_logged_in' });

    await ledger.superuser.query('TRUNCATE session_ledger.session');
    await ledger.superuser.query(`SELECT session_ledger.set_policy('web', '{"absoluteSeconds": 1}', 1)`);
    await ledger.superuser.query(`SELECT session_ledger.set_policy('web', '{"absoluteSeconds": 31536000}', 1)`);
    await ledger.superuser.query(`SELECT session_ledger.record_application('mobile', 1)`);
    expect(await everythingAt(at, knownAt)).toEqual(before);
    expect(await ledger.rows('SELECT 1 AS one FROM session_ledger.session')).toEqual([]);
  });

  it('so a row that says a session is live makes nobody logged in', async () => {
    await ledger.sessions.open({ userId: 'cleo' });
    await ledger.superuser.query(
      `INSERT INTO session_ledger.session (bucket, session_id, secret_digest, subject_id, application, created_at, authenticated_at, last_used_at,
                                           expires_at, absolute_expires_at, sweep_at, event_count, amr)
       SELECT get_byte(uuid_send(subject_id), 15) & 63, subject_id, sha256('any'), subject_id, 'web', now(), now(), now(), now() + interval '1 hour',
              now() + interval '1 hour', now() + interval '1 hour', 1, '{}'
         FROM session_ledger.subject WHERE user_id = 'ben'`,
    );
    expect((await history.loginStateAt({ userId: 'ben' }, ann)).answer).toBe('not_logged_in');
    expect((await history.loginStateAt({ userId: 'cleo' }, ann)).answer).toBe('logged_in');
  });

  it('so a longer policy set later adds nothing to what a settled answer rests on', async () => {
    const { session } = await ledger.sessions.open({ userId: 'dan' });
    await ledger.sessions.revoke(session.sessionId, { reason: 'logout' });
    const at = await settledNow();
    const before = await history.loginStateAt({ userId: 'dan', at }, ann);
    await ledger.superuser.query(`SELECT session_ledger.set_policy('web', '{"absoluteSeconds": 34560000}', 1)`);
    expect(await history.loginStateAt({ userId: 'dan', at }, ann)).toEqual(before);
  });

  it('and what came later stands apart from what is settled', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'eve' });
    const at = await settledNow();
    const { later: nothing, ...settled } = await history.loginStateAt({ userId: 'eve', at }, ann);
    expect(settled).toMatchObject({ answer: 'logged_in', settled: true });
    expect(nothing.sessions).toMatchObject([{ firstUseAfter: null, endedAt: null, endReason: null }]);

    await ledger.sessions.use(token);
    await ledger.sessions.revoke(session.sessionId, { reason: 'risk' });
    const { later, ...again } = await history.loginStateAt({ userId: 'eve', at }, ann);
    expect(again).toEqual(settled);
    const [, used, revoked] = await ledger.eventsOf(session.sessionId);
    expect(later.sessions).toEqual([
      {
        sessionId: session.sessionId,
        firstUseAfter: used!.occurredAt,
        state: 'ended',
        endedAt: revoked!.occurredAt,
        endReason: 'risk',
      },
    ]);
  });
});
