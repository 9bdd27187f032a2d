import type { DataSource } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import type { ApiKeyRole } from '../../src/operator/api-key.js';
import { createApiKey } from '../../src/operator/create-api-key.js';
import { revokeApiKey } from '../../src/operator/revoke-api-key.js';
import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

describe('access to the API', () => {
  let service: TestService;
  let writer: DataSource;

  beforeAll(async () => {
    service = await startTestService();
    writer = await ledgerDataSource({
      url: service.databaseUrl,
      role: 'writer',
      poolSize: 2,
      applicationName: 'test',
    }).initialize();
  });

  afterAll(async () => {
    await writer.destroy();
    await service.stop();
  });

  const keyFor = async (roles: ApiKeyRole[], bound: { realm?: string; applications?: string[] } = {}) =>
    createApiKey(writer, { name: roles.join(), roles, createdBy: 'os:test', ...bound });
  const apiFor = async (roles: ApiKeyRole[], bound = {}) => clientOf(service.address, (await keyFor(roles, bound)).key);
  const session = '019a0000-0000-7000-8000-000000000000';

  const routes: [role: string, method: string, path: string, body: unknown, allowed: ApiKeyRole[]][] = [
    ['open', 'POST', '/v1/sessions', { userId: 'u' }, ['application']],
    ['use', 'POST', '/v1/sessions/use', { token: 'x' }, ['application']],
    ['renew', 'POST', `/v1/sessions/${session}/renew`, { token: 'x' }, ['application']],
    ['revoke', 'POST', `/v1/sessions/${session}/revoke`, { reason: 'admin' }, ['application', 'admin']],
    ['revoke all', 'POST', '/v1/users/u/revoke-sessions', { reason: 'admin' }, ['application', 'admin']],
    ['ask', 'POST', '/v1/login-state', { userId: 'u' }, ['analyst', 'compliance']],
    ['ask in the URL', 'GET', '/v1/users/u/login-state', undefined, ['analyst', 'compliance']],
    ['sessions', 'GET', '/v1/users/u/sessions', undefined, ['analyst', 'compliance']],
    ['session', 'GET', `/v1/sessions/${session}`, undefined, ['analyst', 'compliance']],
    ['events', 'GET', `/v1/sessions/${session}/events`, undefined, ['analyst', 'compliance']],
    ['logged in', 'GET', '/v1/logged-in', undefined, ['analyst', 'compliance']],
    ['clients', 'GET', '/v1/clients?ip=203.0.113.7', undefined, ['analyst', 'compliance']],
    ['batch', 'POST', '/v1/login-state/batch', {}, ['analyst', 'compliance']],
  ];

  it.each(routes)('to %s (%s %s) needs a role of the route', async (_, method, path, body, allowed) => {
    for (const role of ['application', 'analyst', 'compliance', 'admin'] as const) {
      const headers: Record<string, string> = path.endsWith('/batch') ? { 'content-type': 'text/csv' } : {};
      const answer = await (await apiFor([role])).send(path, { method, body, headers });
      const isRefused = answer.status === 403 && answer.body['code'] === 'ERR_FORBIDDEN';
      expect({ role, isRefused }).toEqual({ role, isRefused: !allowed.includes(role) });
    }
  });

  it.each(routes)('to %s (%s %s) needs a key', async (_, method, path, body) => {
    const headers: Record<string, string> = path.endsWith('/batch') ? { 'content-type': 'text/csv' } : {};
    const answer = await clientOf(service.address).send(path, { method, body, headers });
    expect(answer).toMatchObject({ status: 401, body: { code: 'ERR_UNAUTHORIZED' } });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="session-ledger"');
  });

  it('is open to all for health and the description of the API', async () => {
    const stranger = clientOf(service.address);
    for (const path of ['/health/live', '/health/ready', '/openapi.json', '/docs'])
      expect({ path, status: (await stranger.get(path)).status }).toEqual({ path, status: 200 });
    const { body } = await stranger.get('/openapi.json');
    expect(body).toMatchObject({ openapi: '3.1.0' });
    for (const [, method, path] of routes)
      expect(body['paths']).toHaveProperty([
        path.replace(session, '{sessionId}').replace('users/u', 'users/{userId}').replace(/\?.*/, ''),
        method.toLowerCase(),
      ]);
  });

  it('ends the moment a key is revoked', async () => {
    const { key, apiKeyId } = await keyFor(['application']);
    const api = clientOf(service.address, key);
    expect((await api.post('/v1/sessions', { userId: 'u' })).status).toBe(201);
    await revokeApiKey(writer, apiKeyId, 'os:test');
    expect((await api.post('/v1/sessions', { userId: 'u' })).status).toBe(401);
  });

  describe('with a bound key', () => {
    it('is to its realm and applications alone', async () => {
      const bound = await apiFor(['application', 'analyst'], { realm: 'staff', applications: ['desk'] });
      const opened = await bound.post('/v1/sessions', { userId: 'u' });
      expect(opened.body['session']).toMatchObject({ realm: 'staff', application: 'desk' });
      const outside = [
        await bound.post('/v1/sessions', { userId: 'u', realm: 'default' }),
        await bound.post('/v1/sessions', { userId: 'u', application: 'web' }),
        await bound.post('/v1/sessions', { userId: 'u', actor: { userId: 'v', realm: 'default' } }),
        await bound.post('/v1/login-state', { userId: 'u', realm: 'default' }),
        await bound.post('/v1/login-state', { userId: 'u', application: 'web' }),
        await bound.get('/v1/users/u/sessions?realm=default'),
        await bound.get('/v1/logged-in?realm=default'),
        await bound.post('/v1/users/u/revoke-sessions', { reason: 'admin', realm: 'default' }),
      ];
      for (const answer of outside) expect(answer).toMatchObject({ status: 403, body: { code: 'ERR_FORBIDDEN' } });
      expect((await bound.post('/v1/login-state', { userId: 'u' })).body).toMatchObject({
        realm: 'staff',
        answer: 'logged_in',
      });
    });

    it('ends the sessions that a user has in its applications, after a change of password, and no others', async () => {
      const all = clientOf(service.address, service.adminKey);
      const opened = async (application: string, userId = 'mia', more = {}): Promise<string> => {
        const { body } = await all.post('/v1/sessions', { userId, realm: 'staff', application, ...more });
        return body['token'] as unknown as string;
      };
      const actor = { userId: 'mia' };
      const tokens = [
        await opened('desk'),
        await opened('mail'),
        await opened('desk', 'noah', { actor }),
        await opened('mail', 'noah', { actor }),
      ];
      const bound = await apiFor(['application'], { realm: 'staff', applications: ['desk', 'phone'] });
      const { body } = await bound.post('/v1/users/mia/revoke-sessions', { reason: 'password_changed' });
      expect(body).toEqual({ revoked: 2 });
      const uses = await Promise.all(tokens.map((token) => all.post('/v1/sessions/use', { token })));
      expect(uses.map(({ body: used }) => used['active'])).toEqual([false, true, false, true]);
    });

    it('does not reach the sessions of others by token or id', async () => {
      const all = clientOf(service.address, service.adminKey);
      const { token, session } = (await all.post('/v1/sessions', { userId: 'other' })).body as never as {
        token: string;
        session: { sessionId: string };
      };
      const bound = await apiFor(['application', 'analyst'], { realm: 'staff' });
      expect((await bound.post('/v1/sessions/use', { token })).body).toEqual({ active: false });
      expect((await bound.post(`/v1/sessions/${session.sessionId}/renew`, { token })).status).toBe(409);
      expect((await bound.post(`/v1/sessions/${session.sessionId}/revoke`, { reason: 'admin' })).status).toBe(403);
      expect([403, 404]).toContain((await bound.get(`/v1/sessions/${session.sessionId}`)).status);
      expect([403, 404]).toContain((await bound.get(`/v1/sessions/${session.sessionId}/events`)).status);
      const { rows } = await service.owner.query('SELECT kind FROM session_ledger.event WHERE session_id = $1', [
        session.sessionId,
      ]);
      expect(rows).toEqual([{ kind: 'created' }]);
    });
  });

  describe('by guessing', () => {
    it('is held up after 20 failures a minute, while keys that are right are not', async () => {
      const guess = () => clientOf(service.address, 'slk_guess-0123456789-0123456789-0123456789').get('/v1/logged-in');
      const answers = [];
      for (let attempt = 0; attempt < 45; attempt += 1) answers.push(await guess());
      const held = answers.find(({ status }) => status === 429);
      expect(held?.body).toMatchObject({ code: 'ERR_TOO_MANY_REQUESTS' });
      expect(Number(held?.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await clientOf(service.address, service.adminKey).get('/v1/logged-in')).status).toBe(200);
    });
  });
});
