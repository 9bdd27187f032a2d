import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { built, startServiceProcess, type ServiceProcess } from '../main/service-process.js';
import { TimestampAuthority } from '../seal/timestamp-authority.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { clientOf, type Received, type Sent } from './client.js';
import { PublishedApi, type PublishedOperation } from './published-api.js';

jest.setTimeout(300_000);

// Only the build runs the plugin that reads the types of the answers: the sources alone publish no schemas.
describe('the description of the API, as the built service publishes it', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-openapi-'));
  const key = 'k'.repeat(64);
  let database: TestDatabase;
  let authority: TimestampAuthority;
  let service: ServiceProcess;
  let client: ReturnType<typeof clientOf>;
  let api: PublishedApi;

  beforeAll(async () => {
    database = await createTestDatabase();
    authority = await TimestampAuthority.start(mkdtempSync(path.join(folder, 'authority-')));
    const settings = {
      SESSION_LEDGER_ADMIN_KEY: key,
      SESSION_LEDGER_LOG_LEVEL: 'fatal',
      SESSION_LEDGER_TSA_URL: authority.url,
      SESSION_LEDGER_TSA_EVERY: '1',
    };
    const variables = { ...settings, DATABASE_URL: database.url, SESSION_LEDGER_SEAL_EVERY_MS: '50' };
    service = startServiceProcess(path.join(folder, 'data'), variables, built);
    client = clientOf(await service.listening(), key);
    api = new PublishedApi((await client.get('/openapi.json')).body);
  });

  afterAll(async () => {
    service.process.kill('SIGTERM');
    await service.ended();
    await authority.stop();
    await database.drop();
    rmSync(folder, { recursive: true });
  });

  const openToAll = [
    'GET /health/live',
    'GET /health/ready',
    'GET /metrics',
    'GET /v1/ledger/checkpoint',
    'GET /v1/ledger/checkpoints/{size}',
    'GET /v1/ledger/checkpoints/{size}/timestamp',
    'GET /v1/ledger/key',
    'GET /v1/ledger/keys',
    'GET /v1/ledger/timestamped',
  ];
  const binary = ['application/octet-stream', 'application/timestamp-reply'];
  const named = ({ method, path }: PublishedOperation): string => `${method} ${path}`;

  it('has every route of the controllers, and no other', () => {
    expect(api.operations.map(named).toSorted()).toEqual(routesOfControllers().toSorted());
  });

  it('says of every route what it does', () => {
    for (const operation of api.operations) {
      const { summary, tags } = operation.described;
      expect({ route: named(operation), summary }).toMatchObject({ summary: expect.stringMatching(/^.{10,120}$/) });
      expect(tags).toHaveLength(1);
    }
  });

  it('says of every route who may ask, and how others are refused', () => {
    const forKeys = api.operations.filter((operation) => !openToAll.includes(named(operation)));
    expect(forKeys).toHaveLength(api.operations.length - openToAll.length);
    for (const operation of forKeys) {
      const { 'x-roles': roles = [], security, description, responses } = operation.described;
      expect({ route: named(operation), security }).toEqual({ route: named(operation), security: [{ bearer: [] }] });
      expect(roles.length).toBeGreaterThan(0);
      for (const role of roles) expect(description).toContain(`\`${role}\``);
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403', '429', '503', 'default']));
    }
    const forAll = api.operations.filter((operation) => openToAll.includes(named(operation)));
    expect(forAll.flatMap(({ described }) => described['x-roles'] ?? [])).toEqual([]);
  });

  it('takes a case beside every question', () => {
    const asking = api.operations.filter(({ described }) => described['x-roles']?.includes('analyst'));
    expect(asking.length).toBeGreaterThan(10);
    for (const { described } of asking)
      expect(described.parameters).toContainEqual(expect.objectContaining({ name: 'X-Case-Id', in: 'header' }));
  });

  it('says of every parameter what it is or shows one', () => {
    for (const operation of api.operations)
      for (const { name, description, example, schema } of operation.described.parameters ?? []) {
        const isSaid = description !== undefined || example !== undefined || schema?.example !== undefined;
        expect({ route: named(operation), name, isSaid }).toEqual({ route: named(operation), name, isSaid: true });
      }
  });

  it('has an example of every body, and each example is what its schema says', () => {
    for (const operation of api.operations) {
      for (const { place, examples, media } of operation.bodies) {
        const isShown = examples.length > 0 || binary.includes(media);
        expect({ place, isShown }).toEqual({ place, isShown: true });
        for (const example of examples)
          expect({ route: named(operation), place, faults: api.faultsOf(example, place) }).toMatchObject({
            faults: [],
          });
      }
    }
  });

  it('would notice an answer with a member too many, one too few, or one of another type', () => {
    const place = '/paths/~1v1~1sessions/post/responses/201/content/application~1json';
    const [example] = api.operation('POST', '/v1/sessions').bodies.find((body) => body.place === place)!.examples;
    const { token, session } = example as { token: string; session: object };
    expect(api.faultsOf({ token, session }, place)).toEqual([]);
    for (const wrong of [{ token }, { token, session: {} }, { token: 1, session }, { token, session, more: 1 }])
      expect(api.faultsOf(wrong, place)).not.toEqual([]);
  });

  it('is true of the answers: every route, and what it refuses', async () => {
    const seen = new Set<string>();
    const ask = async (route: string, path: string, sent: Sent = {}): Promise<Received> => {
      const [method = '', template = ''] = route.split(' ');
      const received = await client.send(path, { method, ...sent });
      seen.add(`${route} ${received.status < 400 ? 'answered' : 'refused'}`);
      const { place, isDescribed } = api.operation(method, template).answerPlace(received);
      const what = { route, path, status: received.status, type: received.headers.get('content-type') };
      expect({ ...what, isDescribed }).toEqual({ ...what, isDescribed: true });
      const faults = Object.keys(received.body).length === 0 ? [] : api.faultsOf(received.body, place);
      expect({ ...what, faults }).toEqual({ ...what, faults: [] });
      return received;
    };
    await everyAnswer(ask);
    await everyRefusal(ask);
    for (const operation of api.operations) expect([...seen]).toContain(`${named(operation)} answered`);
  });

  type Ask = (route: string, path: string, sent?: Sent) => Promise<Received>;

  async function everyAnswer(ask: Ask): Promise<void> {
    const client = { ip: '203.0.113.7', userAgent: 'Firefox' };
    const opening = { userId: 'alice', client, amr: ['pwd'], acr: 'silver', attributes: { deviceId: 'd-1' } };
    const opened = await ask('POST /v1/sessions', '/v1/sessions', { body: opening });
    const token = opened.body['token'] as unknown as string;
    const { sessionId } = opened.body['session'] as unknown as { sessionId: string };
    await ask('POST /v1/sessions', '/v1/sessions', { body: { userId: 'bob', actor: { userId: 'support-7' } } });
    await ask('POST /v1/sessions/use', '/v1/sessions/use', { body: { token, client } });
    await ask('POST /v1/sessions/use', '/v1/sessions/use', { body: { token: 'x' } });
    const renewing = { body: { token, amr: ['otp'] } };
    await ask('POST /v1/sessions/{sessionId}/renew', `/v1/sessions/${sessionId}/renew`, renewing);
    const at = await settledNow(ask);
    for (const question of [{ at }, { from: '2020-01-01T00:00:00Z', to: at }, { at, proof: true }]) {
      await ask('POST /v1/login-state', '/v1/login-state', { body: { userId: 'alice', ...question } });
      await ask('POST /v1/login-state', '/v1/login-state', { body: { userId: 'nobody', ...question } });
    }
    await ask('POST /v1/login-state', '/v1/login-state', { body: { userId: 'bob', at } });
    const inUrl = 'GET /v1/users/{userId}/login-state';
    await ask(inUrl, `/v1/users/alice/login-state?at=${at}&proof=true`);
    await ask(inUrl, '/v1/users/alice/login-state?at=2020-01-01T00:00:00Z');
    for (const [type, body] of [
      ['text/csv', `userId,at\nalice,${at}\n`],
      ['application/x-ndjson', `${JSON.stringify({ userId: 'alice', at })}\n`],
    ] as const)
      await ask('POST /v1/login-state/batch', '/v1/login-state/batch', { body, headers: { 'content-type': type } });
    await ask('GET /v1/users/{userId}/sessions', '/v1/users/alice/sessions?limit=1', { headers: { 'x-case-id': 'c' } });
    await ask('GET /v1/sessions/{sessionId}', `/v1/sessions/${sessionId}`);
    await ask('GET /v1/sessions/{sessionId}/events', `/v1/sessions/${sessionId}/events`);
    await ask('GET /v1/logged-in', `/v1/logged-in?at=${at}`);
    await ask('GET /v1/logged-in', '/v1/logged-in?at=2020-01-01T00:00:00Z');
    await ask('GET /v1/clients', '/v1/clients?ip=203.0.113.0/24');
    await everyReport(ask, at);
    await everyProof(ask);
    await ask('POST /v1/sessions/{sessionId}/revoke', `/v1/sessions/${sessionId}/revoke`, {
      body: { reason: 'logout' },
    });
    await ask('GET /v1/sessions/{sessionId}/events', `/v1/sessions/${sessionId}/events?limit=1`);
    const all = 'POST /v1/users/{userId}/revoke-sessions';
    await ask(all, '/v1/users/bob/revoke-sessions', { body: { reason: 'admin', actor: { userId: 'boss' } } });
    for (const route of ['/health/live', '/health/ready', '/metrics']) await ask(`GET ${route}`, route);
  }

  async function everyReport(ask: Ask, at: string): Promise<void> {
    const { body } = await ask('GET /v1/reports', '/v1/reports');
    for (const { name } of body['items'] as unknown as { name: string }[]) {
      await ask('GET /v1/reports/{name}', `/v1/reports/${name}`);
      const parameters =
        name === 'login-state' ? { at: [at], asKnownAt: at } : { from: '2020-01-01T00:00:00Z', to: at, asKnownAt: at };
      for (const format of ['csv', 'ndjson']) {
        const run = await ask('POST /v1/reports/{name}/runs', `/v1/reports/${name}/runs`, {
          body: { parameters, format },
        });
        const [, manifest = ''] = /^<([^>]+)>/.exec(run.headers.get('link') ?? '') ?? [];
        await ask('GET /v1/report-runs/{runId}/manifest', manifest);
      }
    }
  }

  async function everyProof(ask: Ask): Promise<void> {
    await ask('GET /v1/ledger/checkpoint', '/v1/ledger/checkpoint');
    const stamped = await untilStamped();
    const [, size] = stamped.split('\n');
    await ask('GET /v1/ledger/timestamped', '/v1/ledger/timestamped');
    await ask('GET /v1/ledger/checkpoints/{size}', `/v1/ledger/checkpoints/${size}`);
    await ask('GET /v1/ledger/checkpoints/{size}/timestamp', `/v1/ledger/checkpoints/${size}/timestamp`);
    await ask('GET /v1/ledger/key', '/v1/ledger/key');
    await ask('GET /v1/ledger/keys', '/v1/ledger/keys');
    await ask('GET /v1/ledger/tile/{path}', '/v1/ledger/tile/entries/000.p/1');
    await ask('GET /v1/events/{seq}/proof', '/v1/events/1/proof');
  }

  async function everyRefusal(ask: Ask): Promise<void> {
    const nobody = '019a0000-0000-7000-8000-000000000000';
    const refused: [route: string, path: string, sent?: Sent][] = [
      ['POST /v1/sessions', '/v1/sessions', { body: { userId: '' } }],
      ['POST /v1/sessions', '/v1/sessions', { body: { userId: 'a', policy: { absoluteSeconds: 9_999_999 } } }],
      ['POST /v1/sessions', '/v1/sessions', { body: { userId: 'a', attributes: { password: 'x' } } }],
      ['POST /v1/sessions', '/v1/sessions', { body: {}, key: undefined }],
      ['POST /v1/sessions/{sessionId}/renew', `/v1/sessions/${nobody}/renew`, { body: { token: 'x' } }],
      ['POST /v1/sessions/{sessionId}/revoke', `/v1/sessions/${nobody}/revoke`, { body: { reason: 'admin' } }],
      ['POST /v1/login-state', '/v1/login-state', { body: { userId: 'a', at: '2999-01-01T00:00:00Z' } }],
      ['GET /v1/users/{userId}/login-state', '/v1/users/a/login-state?at=yesterday'],
      ['POST /v1/login-state/batch', '/v1/login-state/batch', { body: {} }],
      ['GET /v1/users/{userId}/sessions', '/v1/users/a/sessions?after=x'],
      ['GET /v1/sessions/{sessionId}', `/v1/sessions/${nobody}`],
      ['GET /v1/sessions/{sessionId}/events', `/v1/sessions/${nobody}/events`],
      ['GET /v1/logged-in', '/v1/logged-in?knownAt=2999-01-01T00:00:00Z'],
      ['GET /v1/clients', '/v1/clients'],
      ['GET /v1/reports/{name}', '/v1/reports/none'],
      ['POST /v1/reports/{name}/runs', '/v1/reports/revocations/runs', { body: {} }],
      ['GET /v1/report-runs/{runId}/manifest', '/v1/report-runs/999999/manifest'],
      ['GET /v1/ledger/checkpoint', '/v1/ledger/checkpoint?cosigned=true'],
      ['GET /v1/ledger/checkpoints/{size}', '/v1/ledger/checkpoints/0'],
      ['GET /v1/ledger/checkpoints/{size}/timestamp', '/v1/ledger/checkpoints/999999/timestamp'],
      ['GET /v1/ledger/tile/{path}', '/v1/ledger/tile/none'],
      ['GET /v1/events/{seq}/proof', '/v1/events/999999/proof'],
      ['GET /metrics', '/metrics', { key: undefined, headers: { 'x-forwarded-for': '203.0.113.7' } }],
    ];
    for (const [route, path, sent] of refused) {
      const { status } = await ask(route, path, sent);
      expect({ route, path, isRefused: status >= 400 && status < 500 }).toEqual({ route, path, isRefused: true });
    }
  }

  /** The newest checkpoint with a time stamp, once there is one. */
  async function untilStamped(): Promise<string> {
    for (;;) {
      const { status, text } = await client.get('/v1/ledger/timestamped');
      if (status === 200) return text;
      await pause(50);
    }
  }

  /** An instant that is settled, and whose events are sealed: from then on a proof can be asked for. */
  async function settledNow(ask: Ask): Promise<string> {
    const { body } = await ask('POST /v1/login-state', '/v1/login-state', { body: { userId: 'alice' } });
    const at = body['at'] as unknown as string;
    for (;;) {
      const answer = await client.post('/v1/login-state', { userId: 'alice', at, proof: true });
      if (answer.status === 200) return at;
      await pause(50);
    }
  }
});

/** `GET /v1/...` of every route, by the decorators of the controllers. */
function routesOfControllers(): string[] {
  const folder = path.resolve(import.meta.dirname, '../../src/http');
  const controllers = readdirSync(folder).filter((file) => file.endsWith('.controller.ts'));
  return controllers.flatMap((file) => {
    const source = readFileSync(path.join(folder, file), 'utf8');
    const [, prefix = ''] = /@Controller\('([^']*)'\)/.exec(source) ?? [];
    return [...source.matchAll(/@(Get|Post)\((?:'([^']*)')?\)/g)].map(([, method = '', route]) => {
      const whole = [prefix, route].filter(Boolean).join('/');
      return `${method.toUpperCase()} /${whole.replaceAll(/[:*](\w+)/g, '{$1}')}`;
    });
  });
}
