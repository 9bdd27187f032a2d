import type { BadInput } from './bad-input.js';
import { badBodies, badOpenings } from './bad-openings.js';
import { badQuestions, badRevocations } from './bad-questions.js';
import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

describe('problems (RFC 9457)', () => {
  let service: TestService;
  let api: ReturnType<typeof clientOf>;

  beforeAll(async () => {
    service = await startTestService();
    api = clientOf(service.address, service.adminKey);
  });

  afterAll(() => service.stop());

  it.each([...badOpenings, ...badBodies, ...badRevocations, ...badQuestions])('answer $name', async (bad: BadInput) => {
    const { path, status, code, field, ...sent } = bad;
    const { status: answered, headers, body, text } = await api.send(path, sent);
    expect({ answered, status: body['status'], code: body['code'] }).toEqual({ answered: status, status, code });
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({
      type: `urn:session-ledger:error:${code}`,
      title: expect.any(String),
      detail: expect.any(String),
      requestId: headers.get('x-request-id'),
      ...(field === undefined ? {} : { field }),
    });
    expect(text).not.toMatch(/SELECT|INSERT|\.ts:\d|\.js:\d|node_modules|session_ledger\.|secret-in-url/);
  });

  it('name every field that is wrong', async () => {
    const { body } = await api.post('/v1/sessions', { userId: 1, amr: 'x', client: { ip: 7 } });
    expect((body['errors'] as unknown as { field: string }[]).map(({ field }) => field).toSorted()).toEqual([
      'amr',
      'client.ip',
      'userId',
    ]);
  });

  it.each([
    ['JSON that is none', '/v1/sessions', "{'userId':'alice'}", 'the body is not valid JSON'],
    [
      'a path that is none',
      '/v1/users/%E0%A4%A/revoke-sessions',
      '{"reason":"admin"}',
      'the path is not percent-encoded',
    ],
    ['a body that is too large', '/v1/sessions', `{"userId":"${'x'.repeat(2 ** 20)}"}`, 'a JSON body may have 1 MiB'],
  ])('say what is wrong with %s', async (_, path, body, detail) => {
    expect((await api.post(path, body)).body['detail']).toContain(detail);
  });

  it('leave nothing in the ledger', async () => {
    const { rows } = await service.owner.query(
      'SELECT count(*)::int AS events FROM session_ledger.event WHERE session_id IS NOT NULL',
    );
    expect(rows).toEqual([{ events: 0 }]);
  });

  it('carry the caller’s request id when that is harmless, else one of our own', async () => {
    expect((await api.get('/v1/nothing', { 'x-request-id': 'trace-42' })).body['requestId']).toBe('trace-42');
    const trace = '0af7651916cd43dd8448eb211c80319c';
    expect((await api.get('/v1/nothing', { 'x-request-id': trace })).body['requestId']).toBe(trace);
    for (const given of ['<b>x</b>', 'x'.repeat(37), 'aB3-'.repeat(16), '0f'.repeat(32)]) {
      const { body, headers } = await api.get('/v1/nothing', { 'x-request-id': given });
      expect(body['requestId']).toMatch(/^[0-9a-f-]{36}$/);
      expect(headers.get('x-request-id')).toBe(body['requestId']);
    }
  });

  it('are no longer an answer to a healthy request afterwards', async () => {
    expect((await api.post('/v1/sessions', { userId: 'alice' })).status).toBe(201);
  });
});
