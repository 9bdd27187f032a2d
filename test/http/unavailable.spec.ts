import pg from 'pg';
import { databaseUrl } from '../setup/test-server.js';
import { clientOf, type Received } from './client.js';
import { startTestService, type TestService } from './running-service.js';

describe('promise 9: fail closed', () => {
  let service: TestService;
  let api: ReturnType<typeof clientOf>;
  let server: pg.Client;

  beforeAll(async () => {
    service = await startTestService();
    api = clientOf(service.address, service.adminKey);
    server = new pg.Client({ connectionString: databaseUrl(service.databaseUrl, 'postgres') });
    await server.connect();
    service.owner.on('error', () => undefined); // its connection is ended with all others
  });

  afterAll(async () => {
    await server.end();
    await service.stop();
  });

  const name = (): string => new URL(service.databaseUrl).pathname.slice(1);
  const takeAway = async (): Promise<void> => {
    await server.query(`ALTER DATABASE ${name()} ALLOW_CONNECTIONS false`);
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name()]);
  };
  const untilReadiness = async (isIt: (answer: Received) => boolean) => {
    let answer = await api.get('/health/ready');
    while (!isIt(answer)) answer = await api.get('/health/ready');
    return answer;
  };
  const giveBack = () => server.query(`ALTER DATABASE ${name()} ALLOW_CONNECTIONS true`);

  it('answers 503 with Retry-After while nothing can be recorded, and goes on by itself afterwards', async () => {
    const { token } = (await api.post('/v1/sessions', { userId: 'alice' })).body as never as { token: string };
    await takeAway();
    const refused = [
      await api.post('/v1/sessions/use', { token }),
      await api.post('/v1/sessions', { userId: 'bob' }),
      await api.post('/v1/login-state', { userId: 'alice' }),
    ];
    for (const { status, body, headers } of refused) {
      expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'ERR_LEDGER_UNAVAILABLE' });
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const logged = service.log.length;
    for (let probe = 0; probe < 3; probe += 1) {
      const { status, body, headers } = await api.get('/health/ready');
      expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'ERR_LEDGER_UNAVAILABLE' });
      expect(body['detail']).toContain('the ledger cannot be reached');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const said = service.log.slice(logged).join('');
    expect(said.split('not ready: the ledger cannot be reached')).toHaveLength(2);
    expect(said).not.toContain('request failed');
    expect((await api.get('/health/live')).status).toBe(200);
    await giveBack();
    let used = await api.post('/v1/sessions/use', { token });
    for (let tried = 0; used.status === 503 && tried < 100; tried += 1)
      used = await api.post('/v1/sessions/use', { token });
    expect(used.body).toMatchObject({ active: true });
    expect((await api.get('/health/ready')).status).toBe(200);
    expect(service.log.join('')).toContain('ready again');
  });

  it('says to a balancer that the database takes no writes', async () => {
    const dropConnections = () =>
      server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name()]);
    try {
      await server.query(`ALTER DATABASE ${name()} SET default_transaction_read_only = on`);
      await dropConnections();
      const refused = await untilReadiness(({ body }) => String(body['detail']).includes('takes no writes'));
      expect({ status: refused.status, code: refused.body['code'] }).toEqual({
        status: 503,
        code: 'ERR_LEDGER_UNAVAILABLE',
      });
    } finally {
      await server.query(`ALTER DATABASE ${name()} RESET default_transaction_read_only`);
      await dropConnections();
    }
    expect((await untilReadiness(({ status }) => status === 200)).body).toMatchObject({ status: 'ok' });
  });

  it('says so to a balancer in time while the database does not answer', async () => {
    const outside = new pg.Client({ connectionString: service.databaseUrl });
    await outside.connect();
    await outside.query('BEGIN');
    await outside.query('LOCK TABLE session_ledger.horizon IN ACCESS EXCLUSIVE MODE');
    const begun = performance.now();
    const { status, body } = await api.get('/health/ready');
    const seconds = (performance.now() - begun) / 1000;
    await outside.end();
    expect({ status, detail: body['detail'] }).toEqual({ status: 503, detail: expect.stringMatching(/within 2 s/) });
    expect(seconds).toBeLessThan(4.5);
  });

  it('answers 503 when the database’s clock stepped back, until the gap is recorded', async () => {
    const owner = new pg.Client({ connectionString: service.databaseUrl });
    await owner.connect();
    try {
      const { token } = (await api.post('/v1/sessions', { userId: 'carol' })).body as never as { token: string };
      await owner.query(
        `SELECT setval('session_ledger.clock_floor', ((extract(epoch FROM clock_timestamp()) + 5) * 1000000)::bigint)`,
      );
      const used = await api.post('/v1/sessions/use', { token });
      expect({ status: used.status, code: used.body['code'] }).toEqual({ status: 503, code: 'ERR_CLOCK_BEHIND' });
      expect(await api.get('/health/ready')).toMatchObject({ status: 503, body: { code: 'ERR_CLOCK_BEHIND' } });
      await owner.query(
        `SELECT session_ledger.record_gap(NULL, NULL, 'clock_step', NULL, (SELECT min(recorder_id) FROM session_ledger.recorder))`,
      );
      expect((await api.post('/v1/sessions/use', { token })).body).toMatchObject({ active: true });
    } finally {
      await owner.end();
    }
  });
});
