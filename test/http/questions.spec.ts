import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

describe('questions over HTTP', () => {
  let service: TestService;
  let api: ReturnType<typeof clientOf>;

  beforeAll(async () => {
    service = await startTestService();
    api = clientOf(service.address, service.adminKey);
  });

  afterAll(() => service.stop());

  const open = async (userId: string, more = {}) =>
    (await api.post('/v1/sessions', { userId, ...more })).body as never as {
      token: string;
      session: { sessionId: string; createdAt: string };
    };
  const settle = async (instant: string): Promise<void> => {
    for (;;) {
      const { rows } = await service.owner.query('SELECT settled_at >= $1 AS settled FROM session_ledger.horizon', [
        instant,
      ]);
      if (rows[0].settled) return;
    }
  };

  it('are answered alike in the body and in the URL', async () => {
    const { session } = await open('alice', { client: { ip: '203.0.113.7', userAgent: 'Mozilla/5.0' } });
    await settle(session.createdAt);
    const at = session.createdAt;
    const inBody = await api.post('/v1/login-state', { userId: 'alice', at });
    const inUrl = await api.get(`/v1/users/alice/login-state?at=${at}`);
    expect(inBody.status).toBe(200);
    const unsealed = { checkpoint: null }; // the sealer may publish between the two
    expect({ ...inUrl.body, ...unsealed }).toEqual({ ...inBody.body, ...unsealed });
    expect(inBody.body).toMatchObject({
      userId: 'alice',
      realm: 'default',
      at,
      answer: 'logged_in',
      reason: null,
      settled: true,
      applications: [{ name: 'default' }],
      sessions: [{ sessionId: session.sessionId, client: { ip: '203.0.113.7', userAgent: 'Mozilla/5.0' } }],
      evidence: [{ kind: 'created', occurredAt: at }],
    });
  });

  it('about a user nobody has seen have an answer', async () => {
    const { body } = await api.post('/v1/login-state', { userId: 'nobody' });
    expect(body).toMatchObject({ answer: 'not_logged_in', reason: 'no_such_user' });
  });

  it('are asked about any user id', async () => {
    for (const userId of ['a/b', '👩‍💻', 'مستخدم', 'a%2Fb', '?#&']) {
      await open(userId);
      const { body } = await api.get(`/v1/users/${encodeURIComponent(userId)}/login-state`);
      expect(body).toMatchObject({ userId, answer: 'logged_in' });
      expect((await api.get(`/v1/users/${encodeURIComponent(userId)}/sessions`)).body['items']).toHaveLength(1);
    }
  });

  it('take a local time with its zone, and a plus that was not escaped', async () => {
    const { session } = await open('zoe');
    const second = session.createdAt.slice(0, 19);
    const answers = [
      await api.get(`/v1/users/zoe/login-state?at=${second}&zone=UTC`),
      await api.get(`/v1/users/zoe/login-state?at=${second}[UTC]`),
      await api.get(`/v1/users/zoe/login-state?at=${second}+00:00`),
    ];
    for (const { status, body } of answers)
      expect({ status, at: body['at'] }).toEqual({ status: 200, at: `${second}.000000Z` });
  });

  it('about a range are answered by a partition of it', async () => {
    const { session } = await open('range');
    await api.post(`/v1/sessions/${session.sessionId}/revoke`, { reason: 'logout' });
    const from = session.createdAt;
    const to = (await api.get('/v1/users/range/login-state')).body['at'] as unknown as string;
    const { body } = await api.post('/v1/login-state', { userId: 'range', from, to });
    expect(body).toMatchObject({ coverage: 'full' });
    const intervals = body['intervals'] as unknown as { from: string; to: string; answer: string }[];
    expect(intervals.map(({ answer }) => answer)).toEqual(['logged_in', 'not_logged_in']);
    expect([intervals[0]?.from, intervals.at(-1)?.to]).toEqual([from, to]);
    expect(intervals[0]?.to).toBe(intervals[1]?.from);
  });

  it('show a session and its events in order', async () => {
    const { token, session } = await open('events');
    await api.post('/v1/sessions/use', { token });
    await api.post(`/v1/sessions/${session.sessionId}/revoke`, {
      reason: 'admin',
      actor: { userId: 'erin' },
      note: 'left',
    });
    const { body } = await api.get(`/v1/sessions/${session.sessionId}/events`);
    const events = body['items'] as unknown as { kind: string; sessionSeq: number; reason: string | null }[];
    expect(events.map(({ kind, sessionSeq }) => [kind, sessionSeq])).toEqual([
      ['created', 1],
      ['used', 2],
      ['revoked', 3],
    ]);
    expect(events[2]).toMatchObject({ reason: 'admin', actor: { userId: 'erin', realm: 'default' } });
    expect((await api.get(`/v1/sessions/${session.sessionId}`)).body).toMatchObject({
      sessionId: session.sessionId,
      endReason: 'admin',
    });
  });

  it('about everyone are answered page by page', async () => {
    for (const userId of ['p1', 'p2', 'p3']) await open(userId);
    const seen: string[] = [];
    let after = '';
    do {
      const { status, body } = await api.get(`/v1/logged-in?limit=2${after}`);
      expect(status).toBe(200);
      seen.push(...(body['items'] as unknown as { userId: string }[]).map(({ userId }) => userId));
      after = body['next'] === null ? '' : `&after=${encodeURIComponent(body['next'] as unknown as string)}`;
    } while (after !== '');
    expect(seen).toEqual(expect.arrayContaining(['p1', 'p2', 'p3']));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('find who was seen from an address or a network', async () => {
    await open('seen', { client: { ip: '198.51.100.9' } });
    for (const ip of ['198.51.100.9', '198.51.100.0/24'])
      expect((await api.get(`/v1/clients?ip=${encodeURIComponent(ip)}`)).body['items']).toEqual([
        expect.objectContaining({ userId: 'seen' }),
      ]);
  });

  it('promise 11: are on record with who asked and why, and how many rows came back', async () => {
    await api.post('/v1/login-state', { userId: 'alice', caseId: 'case-7' });
    await api.get('/v1/users/alice/login-state', { 'x-case-id': 'case-8' });
    await api.get('/v1/users/alice/login-state?at=2999-01-01T00:00:00Z&caseId=case-9');
    const { rows } = await service.owner.query(
      `SELECT q.case_id, q.asked_by, o.outcome, o.row_count::int FROM session_ledger.question q
         LEFT JOIN session_ledger.question_outcome o USING (question_id) WHERE q.case_id LIKE 'case-_' ORDER BY q.case_id`,
    );
    expect(rows.slice(0, 2)).toEqual([
      {
        case_id: 'case-7',
        asked_by: expect.stringMatching(/^api-key [0-9a-f-]{36} \(admin\)$/),
        outcome: 'answered',
        row_count: 1,
      },
      { case_id: 'case-8', asked_by: expect.stringMatching(/^api-key/), outcome: 'answered', row_count: 1 },
    ]);
  });
});
