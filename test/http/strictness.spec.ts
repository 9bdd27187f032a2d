import { createApiKey, type NewApiKey } from '../../src/operator/create-api-key.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

describe('a request means what it says, or is refused', () => {
  let service: TestService;
  let api: ReturnType<typeof clientOf>;

  beforeAll(async () => {
    service = await startTestService();
    api = clientOf(service.address, service.adminKey);
  });

  afterAll(() => service.stop());

  const open = async (input: object): Promise<{ token: string; sessionId: string }> => {
    const { body } = await api.post('/v1/sessions', input);
    const { token, session } = body as never as { token: string; session: { sessionId: string } };
    return { token, sessionId: session.sessionId };
  };
  const boundApi = async (bound: Pick<NewApiKey, 'realm' | 'applications'>) => {
    const options = { url: service.databaseUrl, role: 'writer', poolSize: 1, applicationName: 'test' } as const;
    const writer = await ledgerDataSource(options).initialize();
    const { key } = await createApiKey(writer, { name: 'bound', roles: ['application'], createdBy: 'os:t', ...bound });
    await writer.destroy();
    return clientOf(service.address, key);
  };

  describe('a list of questions', () => {
    const list = 'userId,at\nalice,2026-03-04T02:14:00Z\n';

    it.each([
      ['/v1/login-state/batch', 'application/json'],
      ['/v1/login-state/batch', 'text/plain'],
      ['/v1/login-state/batch', ''],
    ])('sent to %s as "%s" is none', async (path, type) => {
      const answer = await fetch(`${service.address}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${service.adminKey}`, ...(type === '' ? {} : { 'content-type': type }) },
        body: type === '' ? new Uint8Array(Buffer.from(list)) : type.includes('json') ? '{"userId":"alice"}' : list,
      });
      expect({ status: answer.status, body: await answer.json() }).toMatchObject({
        status: 415,
        body: { code: 'ERR_UNSUPPORTED_MEDIA_TYPE', field: 'Content-Type' },
      });
    });

    it('without a body and without a type is none', async () => {
      expect(await api.send('/v1/login-state/batch', { method: 'POST' })).toMatchObject({ status: 415 });
    });

    it.each(['/v1/login-state/batch/', '/v1/Login-State/batch', '/V1/login-state/BATCH/'])(
      'has no second address such as %s',
      async (path) => {
        for (const type of ['text/csv', 'application/json']) {
          const { status } = await api.send(path, { method: 'POST', body: list, headers: { 'content-type': type } });
          expect(status).toBeGreaterThanOrEqual(400);
        }
        expect((await api.get(path)).status).toBe(404);
      },
    );
  });

  it.each(['99999999999999999999', '9007199254740992', 'abc', '0', '-1', '1.5'])(
    'the proof of an event %s is refused with the name of the field',
    async (seq) => {
      expect(await api.get(`/v1/events/${seq}/proof`)).toMatchObject({
        status: 400,
        body: { code: 'ERR_INVALID_INPUT', field: 'seq' },
      });
    },
  );

  it('an answer without its proof can be asked for by saying so', async () => {
    const { status, body } = await api.get('/v1/users/alice/login-state?proof=false');
    expect({ status, answer: body['answer'] }).toEqual({ status: 200, answer: 'not_logged_in' });
    expect(await api.get('/v1/users/alice/login-state?proof=maybe')).toMatchObject({
      status: 400,
      body: { field: 'proof' },
    });
  });

  it('the realm of a report is never another than the one that was sent', async () => {
    for (const realm of [7, ['default'], { is: 'default' }])
      expect(await api.post('/v1/reports/login-state/runs', { parameters: { realm } })).toMatchObject({
        status: 400,
        body: { code: 'ERR_INVALID_INPUT', field: 'parameters.realm' },
      });
  });

  it('whoever ends a session is of the session’s realm, unless they say otherwise', async () => {
    const { sessionId } = await open({ userId: 'alice', realm: 'staff' });
    await api.post(`/v1/sessions/${sessionId}/revoke`, { reason: 'admin', actor: { userId: 'boss' } });
    const another = await open({ userId: 'alice', realm: 'staff' });
    const actor = { userId: 'auditor', realm: 'audit' };
    await api.post(`/v1/sessions/${another.sessionId}/revoke`, { reason: 'admin', actor });
    const { rows } = await service.owner.query(
      `SELECT u.realm, u.user_id FROM session_ledger.event e JOIN session_ledger.subject u ON u.subject_id = e.actor_id
        WHERE e.kind = 'revoked' ORDER BY e.seq`,
    );
    expect(rows).toEqual([
      { realm: 'staff', user_id: 'boss' },
      { realm: 'audit', user_id: 'auditor' },
    ]);
  });

  it('a bound key does not end another’s session by replacing it', async () => {
    const bound = await boundApi({ realm: 'staff', applications: ['desk'] });
    const others = await open({ userId: 'carol' });
    expect((await bound.post('/v1/sessions', { userId: 'dan', replaces: others.token })).status).toBe(201);
    expect((await api.post('/v1/sessions/use', { token: others.token })).body).toMatchObject({ active: true });
    const { body } = await bound.post('/v1/sessions', { userId: 'dan' });
    expect((await bound.post('/v1/sessions', { userId: 'dan', replaces: body['token'] })).status).toBe(201);
    expect((await bound.post('/v1/sessions/use', { token: body['token'] })).body).toEqual({ active: false });
  });

  it('a name that is none of ours is not repeated, for a secret may stand in its place', async () => {
    const { token } = await open({ userId: 'erin' });
    const answers = [
      await api.post('/v1/sessions', { userId: 'erin', attributes: { [token]: 'x' } }),
      await api.post('/v1/sessions', { userId: 'erin', attributes: { [`${token}password`]: 'x' } }),
      await api.post('/v1/reports/login-state/runs', { parameters: { [token]: 'x' } }),
      await api.post('/v1/sessions', { userId: 'erin', [token]: 'x' }),
      await api.get(`/v1/logged-in?${token}=x`),
    ];
    for (const { status, text } of answers) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(text).toMatch(/a name of \d+ characters/);
      expect(text).not.toContain(token.slice(24, 44));
    }
  });
});
