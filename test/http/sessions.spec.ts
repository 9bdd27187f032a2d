import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
const uuid = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);

describe('sessions over HTTP', () => {
  let service: TestService;
  let api: ReturnType<typeof clientOf>;

  beforeAll(async () => {
    service = await startTestService();
    api = clientOf(service.address, service.adminKey);
  });

  afterAll(() => service.stop());

  const open = async (
    body: object = { userId: 'alice' },
    headers = {},
  ): Promise<{ token: string; session: { sessionId: string; [fact: string]: unknown } }> => {
    const opened = await api.post('/v1/sessions', body, headers);
    expect(opened).toMatchObject({ status: 201 });
    return opened.body as never;
  };

  const kindsOf = async (sessionId: string): Promise<string[]> => {
    const { rows } = await service.owner.query(
      `SELECT kind || coalesce(':' || reason, '') AS kind FROM session_ledger.event WHERE session_id = $1 ORDER BY session_seq`,
      [sessionId],
    );
    return rows.map(({ kind }) => kind as string);
  };

  it('are opened with a token that is shown once', async () => {
    const client = { ip: '::ffff:203.0.113.7', userAgent: 'Mozilla/5.0' };
    const { token, session } = await open({
      userId: 'alice',
      application: 'web',
      client,
      amr: ['pwd', 'otp'],
      acr: 'aal2',
    });
    expect(token).toMatch(/^[A-Za-z0-9_-]{64}$/);
    expect(session).toMatchObject({
      sessionId: uuid,
      userId: 'alice',
      realm: 'default',
      application: 'web',
      createdAt: instant,
      expiresAt: instant,
      absoluteExpiresAt: instant,
      amr: ['pwd', 'otp'],
      acr: 'aal2',
      actor: null,
    });
    expect(await kindsOf(session.sessionId)).toEqual(['created']);
  });

  it('are used: the answer comes after the use is on the ledger', async () => {
    const { token, session } = await open();
    const used = await api.post('/v1/sessions/use', { token, client: { ip: '203.0.113.8' }, passive: false });
    expect(used).toMatchObject({ status: 200, body: { active: true, session: { sessionId: session.sessionId } } });
    expect(await kindsOf(session.sessionId)).toEqual(['created', 'used']);
  });

  it('tell nothing about a string that is not a live token', async () => {
    const { token, session } = await open();
    await api.post(`/v1/sessions/${session.sessionId}/revoke`, { reason: 'logout' });
    const wrongSecret = token.slice(0, 60) + (token.endsWith('AAAA') ? 'BBBB' : 'AAAA');
    for (const text of [
      token,
      wrongSecret,
      '',
      'x',
      'a'.repeat(64),
      'ключ',
      'a'.repeat(500_000),
      '\u0000'.repeat(64),
    ]) {
      const answer = await api.post('/v1/sessions/use', { token: text });
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: { active: false } });
    }
    expect(await kindsOf(session.sessionId)).toEqual(['created', 'revoked:logout']);
  });

  it('are renewed: a new secret, and the old one is dead', async () => {
    const { token, session } = await open();
    const renewed = await api.post(`/v1/sessions/${session.sessionId}/renew`, { token, amr: ['otp'] });
    expect(renewed).toMatchObject({ status: 200, body: { session: { sessionId: session.sessionId, amr: ['otp'] } } });
    expect((await api.post('/v1/sessions/use', { token })).body).toEqual({ active: false });
    expect((await api.post('/v1/sessions/use', { token: renewed.body['token'] })).body).toMatchObject({ active: true });
    const again = await api.post(`/v1/sessions/${session.sessionId}/renew`, { token });
    expect(again).toMatchObject({ status: 409, body: { code: 'ERR_SESSION_NOT_LIVE' } });
  });

  it('are not renewed under the id of another', async () => {
    const [one, other] = [await open(), await open()];
    const answer = await api.post(`/v1/sessions/${other.session.sessionId}/renew`, { token: one.token });
    expect(answer.status).toBe(409);
    expect(await kindsOf(one.session.sessionId)).toEqual(['created']);
  });

  it('are revoked once: the second time is no error and no event', async () => {
    const { token, session } = await open();
    const revoke = () =>
      api.post(`/v1/sessions/${session.sessionId}/revoke`, {
        reason: 'risk',
        actor: { userId: 'erin' },
        note: 'odd address',
      });
    expect(await revoke()).toMatchObject({ status: 200, body: { revoked: 1 } });
    expect(await revoke()).toMatchObject({ status: 200, body: { revoked: 0 } });
    expect((await api.post('/v1/sessions/use', { token })).body).toEqual({ active: false });
    expect(await kindsOf(session.sessionId)).toEqual(['created', 'revoked:risk']);
  });

  it('that the ledger never saw cannot be revoked', async () => {
    const unknown = await api.post('/v1/sessions/019a0000-0000-7000-8000-000000000000/revoke', { reason: 'logout' });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'ERR_SESSION_NOT_FOUND' } });
    const malformed = await api.post('/v1/sessions/not-a-uuid/revoke', { reason: 'logout' });
    expect(malformed).toMatchObject({ status: 400, body: { code: 'ERR_INVALID_INPUT', field: 'sessionId' } });
  });

  it('of a user are revoked together, but the one named', async () => {
    const opened = [await open({ userId: 'bob' }), await open({ userId: 'bob' }), await open({ userId: 'bob' })];
    const kept = opened[1];
    const answer = await api.post('/v1/users/bob/revoke-sessions', {
      reason: 'password_changed',
      exceptSessionId: kept?.session.sessionId,
    });
    expect(answer).toMatchObject({ status: 200, body: { revoked: 2 } });
    const live = await Promise.all(
      opened.map(async ({ token }) => (await api.post('/v1/sessions/use', { token })).body['active']),
    );
    expect(live).toEqual([false, true, false]);
    expect((await api.post('/v1/users/nobody/revoke-sessions', { reason: 'admin' })).body).toEqual({ revoked: 0 });
  });

  it.each(['a/b', 'a%2Fb', '👩‍💻', 'مستخدم', '../..', 'with space', 'a?b#c', 'é', 'x'.repeat(255)])(
    'are kept for the user id %j byte for byte, also in paths',
    async (userId) => {
      const { session } = await open({ userId });
      expect(session['userId']).toBe(userId);
      const answer = await api.post(`/v1/users/${encodeURIComponent(userId)}/revoke-sessions`, { reason: 'admin' });
      expect(answer).toMatchObject({ status: 200, body: { revoked: 1 } });
    },
  );

  it('replace the one the request came with', async () => {
    const before = await open({ userId: 'carol' });
    await open({ userId: 'carol', replaces: before.token });
    expect((await api.post('/v1/sessions/use', { token: before.token })).body).toEqual({ active: false });
    expect(await kindsOf(before.session.sessionId)).toEqual(['created', 'revoked:replaced']);
  });

  it('record which instance wrote them, for which API key', async () => {
    const { session } = await open();
    const { rows } = await service.owner.query(
      `SELECT r.name FROM session_ledger.event e JOIN session_ledger.recorder r ON r.recorder_id = e.recorded_by WHERE e.session_id = $1`,
      [session.sessionId],
    );
    expect(rows[0].name).toMatch(/ for api-key [0-9a-f-]{36}$/);
  });

  describe('opened with an Idempotency-Key', () => {
    it('are revoked as undelivered by a retry, which opens another', async () => {
      const headers = { 'idempotency-key': 'login-1' };
      const first = await open({ userId: 'dave' }, headers);
      const second = await open({ userId: 'dave' }, headers);
      expect(second.token).not.toBe(first.token);
      expect(await kindsOf(first.session.sessionId)).toEqual(['created', 'revoked:undelivered']);
      expect(await kindsOf(second.session.sessionId)).toEqual(['created']);
    });

    it('leave one live session, however many retries come at once', async () => {
      const headers = { 'idempotency-key': 'login-2' };
      const opened = await Promise.all(Array.from({ length: 24 }, () => open({ userId: 'erin' }, headers)));
      const live = await Promise.all(
        opened.map(async ({ token }) => (await api.post('/v1/sessions/use', { token })).body['active']),
      );
      expect(live.filter(Boolean)).toHaveLength(1);
      const kinds: string[] = [];
      for (const { session } of opened) kinds.push((await kindsOf(session.sessionId)).join());
      expect(kinds.filter((kind) => kind === 'created,revoked:undelivered')).toHaveLength(23);
    });

    it('are not mixed up between users', async () => {
      const headers = { 'idempotency-key': 'login-3' };
      await open({ userId: 'frank' }, headers);
      const other = await api.post('/v1/sessions', { userId: 'grace' }, headers);
      expect(other).toMatchObject({ status: 400, body: { code: 'ERR_INVALID_INPUT', field: 'Idempotency-Key' } });
    });

    it('keep no more of the key than its digest', async () => {
      await open({ userId: 'heidi' }, { 'idempotency-key': 'a-very-telling-key' });
      const { rows } = await service.owner.query('SELECT * FROM session_ledger.idempotent_opening');
      expect(JSON.stringify(rows)).not.toContain('telling');
    });
  });
});
