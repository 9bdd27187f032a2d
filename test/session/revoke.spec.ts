import { setTimeout as sleep } from 'node:timers/promises';
import { isCommitted } from '../../src/ledger/commitment.js';
import { mintNextToken } from '../../src/token/session-token.js';
import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

describe('revoking sessions', () => {
  let ledger: SessionsLedger;

  beforeAll(async () => {
    ledger = await setUpSessions();
  });

  afterAll(() => ledger.close());

  test('ends the session now, with the reason and who did it in its last event', async () => {
    const { session } = await ledger.sessions.open({ userId: 'alice' });

    const outcome = await ledger.sessions.revoke(session.sessionId, {
      reason: 'admin',
      actor: { userId: 'operator-7', realm: 'staff' },
      client: { ip: '198.51.100.4' },
      recordedBy: 'console',
    });

    expect(outcome).toEqual({ revoked: 1 });
    const revoked = (await ledger.eventsOf(session.sessionId)).at(-1)!;
    expect(revoked).toMatchObject({
      kind: 'revoked',
      sessionSeq: 2,
      reason: 'admin',
      expiresAt: null,
      recordedBy: 'console',
    });
    expect(await ledger.rowOf(session.sessionId)).toMatchObject({
      endedAt: revoked.occurredAt,
      endReason: 'admin',
      eventCount: 2,
    });
    const [actor] = await ledger.rows(
      `SELECT realm, user_id AS "userId" FROM session_ledger.subject WHERE subject_id = $1`,
      [revoked.actorId],
    );
    expect(actor).toEqual({ realm: 'staff', userId: 'operator-7' });
  });

  test('twice is no error and adds no second event', async () => {
    const { session } = await ledger.sessions.open({ userId: 'bob' });
    const revoke = (): Promise<{ revoked: 0 | 1 }> => ledger.sessions.revoke(session.sessionId, { reason: 'logout' });

    expect([await revoke(), await revoke()]).toEqual([{ revoked: 1 }, { revoked: 0 }]);
    expect(await ledger.eventsOf(session.sessionId)).toHaveLength(2);
  });

  test('by twenty at once leaves one event, and one of them did it', async () => {
    const { session } = await ledger.sessions.open({ userId: 'carol' });

    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => ledger.sessions.revoke(session.sessionId, { reason: 'risk' })),
    );

    expect(outcomes.filter(({ revoked }) => revoked === 1)).toHaveLength(1);
    expect(await ledger.eventsOf(session.sessionId)).toHaveLength(2);
  });

  test('after the deadline revokes nothing: the session expired at its deadline, and the ledger says so', async () => {
    const { session } = await ledger.sessions.open({ userId: 'dave', policy: { idleSeconds: 1 } });
    await sleep(1_050);

    expect(await ledger.sessions.revoke(session.sessionId, { reason: 'logout', note: 'too late' })).toEqual({
      revoked: 0,
    });

    const events = await ledger.eventsOf(session.sessionId);
    expect(events).toHaveLength(2);
    expect(events[1]).toMatchObject({ kind: 'expired', occurredAt: session.expiresAt, reason: 'idle', detail: null });
    expect(await ledger.rowOf(session.sessionId)).toMatchObject({ endedAt: session.expiresAt, endReason: 'idle' });
    expect(await ledger.rows(`SELECT 1 FROM session_ledger.note WHERE text = 'too late'`)).toEqual([]);
  });

  test('is refused for an id that the ledger has never seen', async () => {
    for (const id of ['0192f0c1-2345-7abc-8def-0123456789ab', 'nonsense', '']) {
      expect(await refusalOf(ledger.sessions.revoke(id, { reason: 'admin' }))).toMatchObject({
        code: 'ERR_SESSION_NOT_FOUND',
        field: 'sessionId',
      });
    }
  });

  test('of what the ledger has never seen leaves no name of who asked for it; of a session just opened in the same transaction it does', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'oscar' });
    const stranger = '0192f0c1-2345-7abc-8def-0123456789ab';
    const asked = (userId: string) => ({ reason: 'admin', actor: { userId, realm: 'staff' } }) as const;

    await refusalOf(ledger.sessions.revoke(stranger, asked('asker-1')));
    await ledger.sessions.revokeToken(mintNextToken(stranger).token, asked('asker-2'));
    await ledger.sessions.revokeToken('no token', asked('asker-3'));
    await ledger.sessions.revokeSessions('nobody', asked('asker-4'));
    await ledger.sessions.revokeToken(token, asked('asker-5'));
    await ledger.writer.transaction('READ COMMITTED', async (manager) => {
      const fresh = await ledger.sessions.open({ userId: 'oscar' }, { manager });
      const { sessionId } = fresh.session;
      expect(await ledger.sessions.revoke(sessionId, asked('asker-6'), { manager })).toEqual({ revoked: 1 });
    });

    expect(
      await ledger.rows(
        `SELECT user_id AS "userId" FROM session_ledger.subject WHERE user_id LIKE 'asker-_' ORDER BY 1`,
      ),
    ).toEqual([{ userId: 'asker-5' }, { userId: 'asker-6' }]);
    expect((await ledger.eventsOf(session.sessionId)).at(-1)).toMatchObject({
      kind: 'revoked',
      actorId: expect.any(String),
    });
  });

  test('takes codes of the application for reasons, and refuses what is no code or means expiry', async () => {
    const { session } = await ledger.sessions.open({ userId: 'erin' });
    for (const reason of ['', 'Logged out', 'idle', 'absolute', '1st', 'a'.repeat(41)]) {
      expect(await refusalOf(ledger.sessions.revoke(session.sessionId, { reason }))).toMatchObject({
        code: 'ERR_INVALID_INPUT',
        field: 'reason',
      });
    }
    expect(await ledger.sessions.revoke(session.sessionId, { reason: 'till_closed' })).toEqual({ revoked: 1 });
  });

  test('keeps a note where it can be erased, and its commitment in the event', async () => {
    const { session } = await ledger.sessions.open({ userId: 'frank' });

    await ledger.sessions.revoke(session.sessionId, { reason: 'admin', note: 'phone lost in Kraków' });

    const detail = (await ledger.eventsOf(session.sessionId)).at(-1)!.detail!;
    const [note] = await ledger.rows<{ subjectId: string; text: string; salt: Buffer; commitment: Buffer }>(
      `SELECT subject_id AS "subjectId", text, salt, commitment FROM session_ledger.note WHERE note_id = $1`,
      [detail['noteId']],
    );
    expect(note).toMatchObject({ subjectId: session.subjectId, text: 'phone lost in Kraków' });
    expect(isCommitted({ text: note!.text }, note!)).toBe(true);
    expect(detail['noteCommitment']).toBe(note!.commitment.toString('hex'));
    expect(JSON.stringify(detail)).not.toContain('Kraków');
  });

  test('refuses a note that holds a card number, and revokes nothing', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'grace' });

    const refusal = await refusalOf(
      ledger.sessions.revoke(session.sessionId, { reason: 'admin', note: 'paid with 5555 5555 5555 4444' }),
    );

    expect(refusal).toMatchObject({ code: 'ERR_SENSITIVE_ATTRIBUTE', field: 'note' });
    expect(refusal.message).not.toContain('5555');
    expect(await ledger.sessions.use(token)).toMatchObject({ active: true });
  });

  test('by token needs the secret: the public id alone logs nobody out', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'heidi' });
    const logout = (presented: string): Promise<{ revoked: 0 | 1 }> =>
      ledger.sessions.revokeToken(presented, { reason: 'logout' });

    expect(await logout(mintNextToken(session.sessionId).token)).toEqual({ revoked: 0 });
    expect(await logout('nonsense')).toEqual({ revoked: 0 });
    expect(await ledger.sessions.use(token)).toMatchObject({ active: true });
    expect(await logout(token)).toEqual({ revoked: 1 });
    expect(await logout(token)).toEqual({ revoked: 0 });
  });

  test('of all sessions of a user spares the one excepted and those of everybody else, also of the same id in another realm', async () => {
    const mine = await Promise.all(Array.from({ length: 4 }, () => ledger.sessions.open({ userId: 'ivan' })));
    const other = await ledger.sessions.open({ userId: 'judy' });
    const namesake = await ledger.sessions.open({ userId: 'ivan', realm: 'staff' });

    const outcome = await ledger.sessions.revokeSessions('ivan', {
      reason: 'password_changed',
      exceptSessionId: mine[2]!.session.sessionId,
      note: 'asked by phone',
    });

    expect(outcome).toEqual({ revoked: 3 });
    const active = async (tokens: { token: string }[]): Promise<boolean[]> =>
      Promise.all(tokens.map(async ({ token }) => (await ledger.sessions.use(token)).active));
    expect(await active(mine)).toEqual([false, false, true, false]);
    expect(await active([other, namesake])).toEqual([true, true]);
    expect(await ledger.rows(`SELECT 1 FROM session_ledger.note WHERE text = 'asked by phone'`)).toHaveLength(1);
  });

  test('of all sessions of a user ends those in which the user acts as somebody else', async () => {
    const acting = await ledger.sessions.open({ userId: 'kate', actor: { userId: 'support-9' } });

    expect(await ledger.sessions.revokeSessions('support-9', { reason: 'account_disabled' })).toEqual({ revoked: 1 });
    expect(await ledger.sessions.use(acting.token)).toMatchObject({ active: false });
  });

  test('of all sessions of a user counts those that had lapsed as expired, not as revoked', async () => {
    const lapsed = await ledger.sessions.open({ userId: 'leo', policy: { absoluteSeconds: 1 } });
    await ledger.sessions.open({ userId: 'leo' });
    await sleep(1_050);

    expect(await ledger.sessions.revokeSessions('leo', { reason: 'risk' })).toEqual({ revoked: 1 });
    expect((await ledger.eventsOf(lapsed.session.sessionId)).at(-1)).toMatchObject({
      kind: 'expired',
      reason: 'absolute',
      occurredAt: lapsed.session.absoluteExpiresAt,
    });
  });

  test('of a user nobody has ever seen revokes nothing and records nobody', async () => {
    expect(await ledger.sessions.revokeSessions('stranger', { reason: 'risk' })).toEqual({ revoked: 0 });
    expect(await ledger.rows(`SELECT 1 FROM session_ledger.subject WHERE user_id = 'stranger'`)).toEqual([]);
  });

  test('promise 10: once it has returned, no instance lets a request through, and no use revives the session', async () => {
    const elsewhere = ledger.sessionsWith({ instance: 'web-2' });
    for (let round = 0; round < 20; round += 1) {
      const { token, session } = await ledger.sessions.open({ userId: `mallory-${round}` });
      await elsewhere.use(token);
      const underWay = Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? ledger.sessions : elsewhere).use(token));

      await ledger.sessions.revoke(session.sessionId, { reason: 'risk' });
      const after = await Promise.all(Array.from({ length: 10 }, () => elsewhere.use(token)));

      expect(after.every(({ active }) => !active)).toBe(true);
      await Promise.all(underWay);
      const events = await ledger.eventsOf(session.sessionId);
      expect(events.map(({ sessionSeq }) => sessionSeq)).toEqual(events.map((_, place) => place + 1));
      expect(events.filter(({ kind }) => kind === 'revoked')).toEqual([events.at(-1)]);
      const dates = events.map(({ occurredAt }) => occurredAt);
      expect(dates).toEqual([...dates].sort());
    }
  });

  test('promise 10: not even the database lets an ended session be changed', async () => {
    const { session } = await ledger.sessions.open({ userId: 'niaj' });
    await ledger.sessions.revoke(session.sessionId, { reason: 'admin' });

    const reviving = ledger.writer.query(
      `UPDATE session_ledger.session SET ended_at = NULL, end_reason = NULL WHERE session_id = $1`,
      [session.sessionId],
    );

    await expect(reviving).rejects.toThrow('has ended and is never changed again');
  });
});
