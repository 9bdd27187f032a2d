import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { OwnServer } from '../bad-days/own-server.js';
import { startServiceProcess, type ServiceProcess } from '../main/service-process.js';
import { mintApiKey } from '../../src/operator/api-key.js';
import { canaryRequests, type CanaryRequest, type ValidRequest } from './canary-requests.js';
import { clientOf } from './client.js';
import { secretsIn } from './forms-of-secret.js';

jest.setTimeout(600_000);

describe('promise 8: the token is never stored, logged or echoed', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-secrets-'));
  let server: OwnServer;
  let service: ServiceProcess;
  let address: string;
  let key: string;
  /** By what they are: each is sent to every route, in every place. */
  let secrets: Record<string, string>;

  beforeAll(async () => {
    // The most talkative that PostgreSQL can be: every statement, with the values of its parameters.
    const settings = { log_statement: 'all', log_parameter_max_length: '-1', log_parameter_max_length_on_error: '-1' };
    server = await OwnServer.start({ settings: { ...settings, log_error_verbosity: 'verbose' } });
    const dataDir = path.join(folder, 'data');
    service = startServiceProcess(dataDir, {
      DATABASE_URL: server.url,
      SESSION_LEDGER_LOG_LEVEL: 'trace',
      SESSION_LEDGER_SEAL_EVERY_MS: '50',
    });
    address = await service.listening();
    key = readFileSync(path.join(dataDir, 'admin-key'), 'utf8').trim();
    const { old, live } = await tokens();
    secrets = {
      'a live token': live,
      'a token that was renewed': old,
      'the admin key': key,
      'a wrong key': mintApiKey().key,
    };
  });

  afterAll(async () => {
    service.process.kill('SIGTERM');
    await service.ended();
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const tokens = async (): Promise<{ old: string; live: string; sessionId: string }> => {
    const api = clientOf(address, key);
    const { body } = await api.post('/v1/sessions', { userId: 'canary-user', amr: ['pwd'] });
    const { sessionId } = body['session'] as unknown as { sessionId: string };
    const renewed = await api.post(`/v1/sessions/${sessionId}/renew`, { token: body['token'], amr: ['otp'] });
    return { old: body['token'] as never, live: renewed.body['token'] as never, sessionId };
  };

  it('nor is an API key: from no place of a request to any route does it come into an answer, a log, or a row', async () => {
    const { paths } = (await clientOf(address).get('/openapi.json')).body as never as { paths: Record<string, object> };
    const routes = Object.entries(paths).flatMap(([template, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${template}`),
    );
    const valid = await validRequests();
    expect(Object.keys(valid).toSorted()).toEqual([...routes, ...pages].toSorted());

    const found: string[] = [];
    let sent = 0;
    for (const [route, request] of Object.entries(valid))
      for (const [name, secret] of Object.entries(secrets))
        for (const canary of canaryRequests(route, request, secret, key)) {
          const answer = await told(route, canary, secret);
          sent += 1;
          for (const leaked of secretsIn(answer, secrets))
            found.push(`${route}, ${name} as ${canary.carrier}: ${leaked}`);
        }
    expect(found).toEqual([]);
    expect(sent).toBeGreaterThan(1_000);

    expect(service.logged()).toContain('"route":"/v1/sessions/use"');
    expect(secretsIn(service.logged() + service.printed(), secrets)).toEqual([]);
    const { userIds, ...tables } = await everyRow();
    for (const [table, rows] of Object.entries(tables))
      expect({ table, secrets: secretsIn(rows, secrets) }).toEqual({ table, secrets: [] });
    // Whoever asks about a secret as if it were a user id has it kept as one, where it can be erased.
    expect(secretsIn(userIds ?? '', secrets).length).toBeGreaterThan(0);
  });

  it('nor does PostgreSQL ever see one, not even as the value of a parameter', async () => {
    const logged = server.said.length;
    const { old, live, sessionId } = await tokens();
    const api = clientOf(address, key);
    const wrong = mintApiKey().key;
    const session = `/v1/sessions/${sessionId}`;
    for (const token of [live, old, `${live.slice(0, 60)}AAAA`]) await api.post('/v1/sessions/use', { token });
    await api.post('/v1/sessions', { userId: 'canary-user', replaces: old }, { 'idempotency-key': 'canary-1' });
    await api.post(`${session}/renew`, { token: old });
    await clientOf(address, wrong).get('/v1/logged-in');
    await api.post(`${session}/revoke`, { reason: 'logout' });
    const said = server.said.slice(logged);
    expect(said).toContain('api_key');
    expect(secretsIn(said, { old, live, key, wrong })).toEqual([]);
  });

  it('nor do user ids and addresses stand in the log of the service, where nobody could erase them', async () => {
    const api = clientOf(address, key);
    const client = { ip: '203.0.113.77', userAgent: 'Telling/1.0' };
    await api.post('/v1/sessions', { userId: 'erasable-person', client });
    await api.get('/v1/users/erasable-person/login-state?caseId=case-of-erasable-person');
    await api.post('/v1/users/erasable-person/revoke-sessions', { reason: 'admin', note: 'about erasable-person' });
    await api.get('/v1/clients?ip=203.0.113.77');
    expect(service.logged()).not.toMatch(/erasable-person|203\.0\.113\.77|Telling/);
  });

  /** Pages beside the routes that the document has. */
  const pages = ['GET /openapi.json', 'GET /openapi.yaml', 'GET /docs', 'GET /v1/nothing'];

  async function validRequests(): Promise<Record<string, ValidRequest>> {
    const { live: token, sessionId } = await tokens();
    const client = { ip: '203.0.113.7', userAgent: 'Canary/1.0' };
    const actor = { userId: 'support-7', realm: 'default' };
    const at = '2026-03-04T02:14:00Z';
    const range = { from: '2026-03-04T02:14:00Z', to: '2026-03-05T02:14:00Z', zone: 'UTC' };
    const page = { after: 'x', limit: '10', caseId: 'C-1' };
    const common = { knownAt: at, realm: 'default', application: 'default' };
    const runId = await reportRun();
    const opening = {
      userId: 'canary-user',
      realm: 'default',
      application: 'default',
      client,
      amr: ['pwd'],
      acr: 'silver',
    };
    const login = { at, zone: 'UTC', ...common, caseId: 'C-1', proof: 'false' };
    return {
      ...Object.fromEntries(pages.map((page_) => [page_, {}])),
      'POST /v1/sessions': {
        body: { ...opening, actor, policy: 'owasp-asvs-l3', attributes: { deviceId: 'd-1' }, replaces: 'x' },
      },
      'POST /v1/sessions/use': { body: { token, client, passive: false } },
      'POST /v1/login-state': { body: { userId: 'alice', ...login, proof: false } },
      'GET /v1/users/{userId}/login-state': { path: { userId: 'alice' }, query: { ...login, from: at, to: at } },
      'GET /v1/users/{userId}/sessions': { path: { userId: 'alice' }, query: { ...range, ...page, realm: 'default' } },
      'GET /v1/sessions/{sessionId}': { path: { sessionId }, query: { caseId: 'C-1' } },
      'GET /v1/sessions/{sessionId}/events': { path: { sessionId }, query: page },
      'GET /v1/logged-in': { query: { at, zone: 'UTC', ...common, ...page } },
      'GET /v1/clients': { query: { ip: '203.0.113.7', userAgent: 'Canary/1.0', ...range, ...page } },
      'POST /v1/login-state/batch': { body: `userId,at,note\nalice,${at},beside\n`, type: 'text/csv', query: common },
      'GET /v1/reports': {},
      'GET /v1/reports/{name}': { path: { name: 'login-state' } },
      'POST /v1/reports/{name}/runs': {
        path: { name: 'login-state' },
        body: {
          parameters: { at: [at], userIds: ['alice'], realm: 'default', applications: ['default'], asKnownAt: at },
          format: 'csv',
          caseId: 'C-1',
        },
      },
      'GET /v1/report-runs/{runId}/manifest': { path: { runId } },
      'GET /health/live': {},
      'GET /health/ready': {},
      'GET /metrics': {},
      'GET /v1/ledger/checkpoint': { query: { cosigned: 'false' } },
      'GET /v1/ledger/checkpoints/{size}': { path: { size: '1' } },
      'GET /v1/ledger/checkpoints/{size}/timestamp': { path: { size: '1' } },
      'GET /v1/ledger/timestamped': {},
      'GET /v1/ledger/key': {},
      'GET /v1/ledger/keys': {},
      'GET /v1/ledger/tile/{path}': { path: { path: 'x' } },
      'GET /v1/events/{seq}/proof': { path: { seq: '1' } },
      'POST /v1/sessions/{sessionId}/renew': {
        path: { sessionId },
        body: { token, amr: ['otp'], acr: 'gold', client },
      },
      'POST /v1/sessions/{sessionId}/revoke': {
        path: { sessionId },
        body: { reason: 'logout', actor, note: 'no secret', client },
      },
      'POST /v1/users/{userId}/revoke-sessions': {
        path: { userId: 'canary-user' },
        body: { reason: 'logout', actor, note: 'no secret', client, realm: 'default', exceptSessionId: sessionId },
      },
    };
  }

  async function reportRun(): Promise<string> {
    const { headers } = await clientOf(address, key).post('/v1/reports/login-state/runs', {
      parameters: { at: ['2026-03-04T02:14:00Z'], asKnownAt: '2026-03-04T02:14:00Z' },
    });
    return /report-runs\/(\d+)/.exec(headers.get('link') ?? '')?.[1] ?? '';
  }

  /** All that an answer says, but for the user id that was asked about. */
  async function told(route: string, { url, headers, body, isUserId }: CanaryRequest, secret: string): Promise<string> {
    const method = route.split(' ')[0] ?? '';
    const response = await fetch(`${address}${url}`, {
      method,
      headers,
      ...(body === undefined || method === 'GET' ? {} : { body }),
    });
    const text = await response.text();
    const heads = JSON.stringify([...response.headers]);
    if (!isUserId) return text + heads;
    // A list's own columns come back untouched, and a report's users in its rows, and only in the answer to it.
    if (/\/(batch|runs)$/.test(route) && response.ok) return text.replaceAll(secret, '(what was asked)') + heads;
    return text.replaceAll(`"userId":"${secret}"`, '"userId":"(what was asked)"') + heads;
  }

  /** Every value of every table of the ledger, as text; where user ids are kept, apart. */
  async function everyRow(): Promise<Record<string, string>> {
    const tables = await server.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'session_ledger' ORDER BY 1`,
    );
    expect(tables.length).toBeGreaterThan(15);
    const rows: Record<string, string> = { userIds: '' };
    for (const { name } of tables) {
      const keepsUserIds = ['subject', 'question_user'].includes(name);
      const dump = JSON.stringify(await server.query(`SELECT to_jsonb(t) AS row FROM session_ledger."${name}" t`));
      rows[keepsUserIds ? 'userIds' : name] = (keepsUserIds ? (rows['userIds'] ?? '') : '') + dump;
    }
    return rows;
  }
});
