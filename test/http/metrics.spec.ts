import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

describe('metrics', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startTestService();
  });

  afterAll(() => service.stop());

  const read = async (): Promise<Map<string, number>> => {
    const { text } = await clientOf(service.address).get('/metrics');
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  };

  it('count uses, batches and refusals by reason, and tell waiting, connections and lags', async () => {
    const api = clientOf(service.address, service.adminKey);
    const { token } = (await api.post('/v1/sessions', { userId: 'counted' })).body as never as { token: string };
    const stranger = `${'A'.repeat(20)}${token.slice(20)}`;
    await api.post('/v1/sessions/use', { token });
    await api.post('/v1/sessions/use', { token });
    await api.post('/v1/sessions/use', { token: stranger });
    await api.post('/v1/sessions/use', { token: 'no token at all' });

    const metrics = await read();

    expect(metrics.get('session_ledger_uses_accepted_total')).toBe(2);
    expect(metrics.get('session_ledger_uses_refused_total{why="unknown"}')).toBe(1);
    expect(metrics.get('session_ledger_uses_refused_total{why="malformed"}')).toBe(1);
    expect(metrics.get('session_ledger_use_batch_entries_count')).toBe(3);
    expect(metrics.get('session_ledger_use_batch_seconds_sum')).toBeGreaterThan(0);
    expect(metrics.get('session_ledger_uses_waiting')).toBe(0);
    for (const pool of ['uses', 'changes', 'questions', 'operator', 'openings', 'reports']) {
      expect(metrics.get(`session_ledger_pool_open_connections{pool="${pool}"}`)).toBeGreaterThan(0);
      expect(metrics.get(`session_ledger_pool_idle_connections{pool="${pool}"}`)).toBeGreaterThanOrEqual(0);
      expect(metrics.get(`session_ledger_pool_waiting{pool="${pool}"}`)).toBe(0);
    }
    expect(metrics.get('session_ledger_expiry_lag_seconds')).toBe(0);
    expect(metrics.get('session_ledger_horizon_lag_seconds')).toBeGreaterThan(0);
    expect(metrics.get('process_cpu_seconds_total')).toBeGreaterThan(0);
  });

  it('count a wrong secret and leave its line in the log, without user, session or token in any label', async () => {
    const api = clientOf(service.address, service.adminKey);
    const opened = (await api.post('/v1/sessions', { userId: 'labelled' })).body as never as {
      token: string;
      session: { sessionId: string };
    };
    await api.post('/v1/sessions/use', { token: `${opened.token.slice(0, 40)}${'A'.repeat(24)}` });

    const { text } = await clientOf(service.address).get('/metrics');

    expect(text).toContain('session_ledger_wrong_secrets_total 1');
    expect(text).not.toMatch(new RegExp(`labelled|${opened.session.sessionId}|${opened.token}`));
    expect(service.log.some((line) => line.includes('wrong secret') && line.includes(opened.session.sessionId))).toBe(
      true,
    );
  });

  it('are told without those that a database must tell while it does not answer, and with them again afterwards', async () => {
    await service.owner.query('BEGIN');
    await service.owner.query('LOCK TABLE session_ledger.horizon, session_ledger.session IN ACCESS EXCLUSIVE MODE');
    const begun = performance.now();
    const [metrics, again] = await Promise.all([read(), read()]);
    const seconds = (performance.now() - begun) / 1000;
    await service.owner.query('ROLLBACK');
    expect(seconds).toBeLessThan(4); // the database would have been waited for until the lock timeout, 5 s
    for (const told of [metrics, again]) {
      expect(told.has('session_ledger_horizon_lag_seconds')).toBe(false);
      expect(told.has('session_ledger_expiry_lag_seconds')).toBe(false);
      expect(told.get('session_ledger_uses_waiting')).toBe(0);
      expect(told.get('session_ledger_pool_open_connections{pool="uses"}')).toBeGreaterThan(0);
    }
    let healed = await read();
    while (!healed.has('session_ledger_horizon_lag_seconds')) healed = await read();
    expect(healed.get('session_ledger_expiry_lag_seconds')).toBe(0);
  });

  it('are told to this machine or to a key, and to nobody whom a proxy passes on', async () => {
    const proxied = { 'x-forwarded-for': '203.0.113.7' };

    expect((await clientOf(service.address).get('/metrics')).status).toBe(200);
    expect((await clientOf(service.address).get('/metrics', proxied)).status).toBe(401);
    expect((await clientOf(service.address, service.adminKey).get('/metrics', proxied)).status).toBe(200);
  });

  it('are told to nobody whom a proxy passes on that writes a header of its own', async () => {
    const proxies = {
      SESSION_LEDGER_FORWARDED_HEADER: 'X-Client-Address',
      SESSION_LEDGER_TRUSTED_PROXIES: '10.0.0.0/8',
    };
    const another = await service.another(proxies);
    expect((await clientOf(another.address).get('/metrics')).status).toBe(200);
    expect((await clientOf(another.address).get('/metrics', { 'x-client-address': '203.0.113.7' })).status).toBe(401);
    await another.stop();
  });
});
