import { setTimeout as sleep } from 'node:timers/promises';
import { resolvePolicy } from '../../src/session/policy.js';
import type { OpenedSession } from '../../src/session/open.js';
import type { Sessions } from '../../src/session/sessions.js';
import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

const limits = { name: 'few', idleSeconds: 600, absoluteSeconds: 3_600, maxConcurrent: 3 } as const;

describe('a limit on the sessions a user may hold at once', () => {
  let ledger: SessionsLedger;
  let evicting: Sessions;
  let refusing: Sessions;

  beforeAll(async () => {
    ledger = await setUpSessions();
    evicting = ledger.sessionsWith({ policy: resolvePolicy(limits) });
    refusing = ledger.sessionsWith({ policy: resolvePolicy({ ...limits, onLimit: 'refuse' }) });
  });

  afterAll(() => ledger.close());

  const liveOf = (opened: OpenedSession[]): Promise<string[]> =>
    ledger
      .rows<{ id: string }>(
        `SELECT session_id AS id FROM session_ledger.session WHERE session_id = ANY ($1::uuid[]) AND ended_at IS NULL ORDER BY created_at`,
        [opened.map(({ session }) => session.sessionId)],
      )
      .then((rows) => rows.map(({ id }) => id));

  test('revokes the oldest session to make room, in the order of opening', async () => {
    const opened: OpenedSession[] = [];
    for (let n = 0; n < 5; n += 1) opened.push(await evicting.open({ userId: 'alice' }));

    expect(opened.map(({ ended }) => ended)).toEqual([
      [],
      [],
      [],
      [opened[0]!.session.sessionId],
      [opened[1]!.session.sessionId],
    ]);
    const [, revoked] = await ledger.eventsOf(opened[0]!.session.sessionId);
    expect(revoked).toMatchObject({ kind: 'revoked', reason: 'concurrency' });
    expect(await evicting.use(opened[0]!.token)).toMatchObject({ active: false });
    expect(await evicting.use(opened[2]!.token)).toMatchObject({ active: true });
  });

  test('leaves exactly the limit live after 50 logins at once', async () => {
    const opened = await Promise.all(Array.from({ length: 50 }, () => evicting.open({ userId: 'bob' })));

    expect(await liveOf(opened)).toHaveLength(3);
    expect(opened.flatMap(({ ended }) => ended)).toHaveLength(47);
    expect(new Set(opened.flatMap(({ ended }) => ended)).size).toBe(47);
  });

  test('admits exactly the limit of 50 logins at once where the policy refuses the others', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => refusing.open({ userId: 'carol' })));

    const opened = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(opened).toHaveLength(3);
    expect(new Set(refused.map(({ reason }) => (reason as { code: string }).code))).toEqual(
      new Set(['ERR_TOO_MANY_SESSIONS']),
    );
    expect(await liveOf(opened.map(({ value }) => value))).toHaveLength(3);
    const [counted] = await ledger.rows<{ sessions: number }>(
      `SELECT count(*) AS sessions FROM session_ledger.event e JOIN session_ledger.subject u USING (subject_id) WHERE u.user_id = 'carol'`,
    );
    expect(counted).toEqual({ sessions: 3 });
  });

  test('gives the place of a session that was revoked, replaced or lapsed to the next login', async () => {
    const open = (policy?: { idleSeconds: number }): Promise<OpenedSession> =>
      refusing.open({ userId: 'dave', policy });
    const [first, second, lapsing] = [await open(), await open(), await open({ idleSeconds: 1 })];
    expect((await refusalOf(open())).code).toBe('ERR_TOO_MANY_SESSIONS');

    await refusing.revoke(first.session.sessionId, { reason: 'logout' });
    await open();
    await refusing.open({ userId: 'dave', replaces: second.token });
    await sleep(1_050);
    const last = await open();

    // The lapsed one has no `expired` event yet: its deadline alone frees its place.
    expect((await ledger.rowOf(lapsing.session.sessionId)).endedAt).toBeNull();
    expect(last.ended).toEqual([]);
    expect((await refusalOf(open())).code).toBe('ERR_TOO_MANY_SESSIONS');
  });

  test("does not count sessions of staff who act as the user, nor takes the user's own for theirs", async () => {
    for (let n = 0; n < 3; n += 1) await refusing.open({ userId: 'erin' });

    const support = await refusing.open({ userId: 'erin', actor: { userId: 'support-1' } });

    expect(await refusing.use(support.token)).toMatchObject({ active: true });
    expect((await refusalOf(refusing.open({ userId: 'erin' }))).code).toBe('ERR_TOO_MANY_SESSIONS');
  });

  test('counts a session whose use is being recorded, although its deadline passes meanwhile', async () => {
    const single = ledger.sessionsWith({ policy: resolvePolicy({ ...limits, maxConcurrent: 1, onLimit: 'refuse' }) });
    const held = await single.open({ userId: 'grace', policy: { idleSeconds: 2 } });
    await sleep(1_400);
    const ip = '203.0.113.7';
    const neighbour = ledger.superuser.createQueryRunner();
    await neighbour.startTransaction();
    // Somebody introduces the same client and has not committed: the use, its clock read, waits for that to be decided.
    await neighbour.query(
      `INSERT INTO session_ledger.client (bucket, client_id, session_id, subject_id, ip, user_agent, salt, commitment)
       SELECT bucket, -1, session_id, subject_id, $2, NULL, NULL, sha256('') FROM session_ledger.session WHERE session_id = $1`,
      [held.session.sessionId, ip],
    );
    const using = single.use(held.token, { client: { ip } });
    await sleep(700);
    const opening = refusalOf(single.open({ userId: 'grace' }));
    await sleep(100);
    await neighbour.rollbackTransaction();
    await neighbour.release();

    expect(await using).toMatchObject({ active: true });
    expect((await opening).code).toBe('ERR_TOO_MANY_SESSIONS');
  });

  test('does not deadlock where logins of one user replace each other while all are revoked', async () => {
    let held = await evicting.open({ userId: 'frank' });
    for (let round = 0; round < 10; round += 1) {
      const [replacing] = await Promise.all([
        evicting.open({ userId: 'frank', replaces: held.token }),
        evicting.open({ userId: 'frank', replaces: held.token }),
        evicting.revokeSessions('frank', { reason: 'risk' }),
        evicting.use(held.token),
        evicting.revoke(held.session.sessionId, { reason: 'logout' }),
      ]);
      held = replacing;
    }

    const endings = await ledger.rows<{ endings: number }>(
      `SELECT count(*) FILTER (WHERE kind = 'revoked') AS endings FROM session_ledger.event
        WHERE session_id IN (SELECT session_id FROM session_ledger.session s JOIN session_ledger.subject u USING (subject_id) WHERE u.user_id = 'frank' AND ended_at IS NOT NULL)
        GROUP BY session_id`,
    );
    expect(endings.length).toBeGreaterThan(10);
    expect(endings.every((session) => session.endings === 1)).toBe(true);
  });
});
