import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import type { ApiKeyRole } from '../../src/operator/api-key.js';
import { createApiKey } from '../../src/operator/create-api-key.js';
import { RecordedBank } from '../report/recorded-bank.js';
import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

const march = { from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:00Z', asKnownAt: '2026-04-01T00:00:00Z' };

describe('reports over HTTP', () => {
  let service: TestService;
  let admin: ReturnType<typeof clientOf>;

  beforeAll(async () => {
    service = await startTestService();
    await RecordedBank.record(service.databaseUrl);
    admin = clientOf(service.address, service.adminKey);
  });

  afterAll(() => service.stop());

  const clientWith = async (...roles: ApiKeyRole[]) => {
    const { key } = await madeKey(service, roles);
    return clientOf(service.address, key);
  };
  const lastOutcome = async (kind = 'report') => {
    const { rows } = await service.owner.query(
      'SELECT q.case_id, o.outcome FROM session_ledger.question q LEFT JOIN session_ledger.question_outcome o USING (question_id) WHERE q.kind = $1 ORDER BY question_id DESC LIMIT 1',
      [kind],
    );
    return rows[0];
  };

  it('are listed and described, statement and all', async () => {
    const list = await admin.get('/v1/reports');
    expect(list.body['items']).toEqual([
      expect.objectContaining({ name: 'access-history', roles: ['compliance'] }),
      expect.objectContaining({ name: 'login-state', roles: ['analyst', 'compliance'] }),
      expect.objectContaining({ name: 'revocations', roles: ['compliance'] }),
    ]);
    const { body } = await admin.get('/v1/reports/revocations');
    expect(body).toMatchObject({
      question: expect.stringContaining('revoked'),
      sql: expect.stringContaining(':from'),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(body).not.toHaveProperty('statement');
  });

  it('come as a file with its digest before it and its manifest behind a link', async () => {
    const sent = { parameters: march, caseId: 'AUDIT-7' };
    const { status, headers, text } = await admin.post('/v1/reports/revocations/runs', sent);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    const digest = createHash('sha256').update(text).digest();
    expect(headers.get('content-digest')).toBe(`sha-256=:${digest.toString('base64')}:`);
    expect(headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
    expect(text).toContain('account_disabled');

    const [, link = ''] = /^<([^>]+)>; rel="describedby"/.exec(headers.get('link') ?? '') ?? [];
    const manifest = await admin.get(link);
    expect(manifest.body).toMatchObject({
      report: { name: 'revocations' },
      run: { caseId: 'AUDIT-7', askedBy: expect.stringContaining('api-key') },
      rowCount: 2,
      files: [{ sha256: digest.toString('hex'), bytes: Buffer.byteLength(text) }],
    });
    const [{ name }] = manifest.body['files'] as unknown as [{ name: string }];
    expect(headers.get('content-disposition')).toBe(`attachment; filename="${name}"`);
    expect(await lastOutcome()).toEqual({ case_id: 'AUDIT-7', outcome: 'answered' });
    expect(await lastOutcome('report_manifest')).toEqual({ case_id: null, outcome: 'answered' });
    expect(readdirSync(path.join(service.dataDir, 'uploads'))).toEqual([]);
  });

  it('come as NDJSON too', async () => {
    const { headers, text } = await admin.post('/v1/reports/login-state/runs', {
      parameters: { at: ['2026-03-04T02:14:00Z'], userIds: ['alice'], asKnownAt: march.to },
      format: 'ndjson',
    });
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    expect(JSON.parse(text)).toMatchObject({ user_id: 'alice', answer: 'logged_in', evidence_seqs: [1004, 1007] });
  });

  it.each([
    ['a report that does not exist', '/v1/reports/everything/runs', {}, 404, 'ERR_NOT_FOUND'],
    ['a name that is a path', '/v1/reports/..%2Flogin-state/runs', {}, 404, 'ERR_NOT_FOUND'],
    ['no parameters', '/v1/reports/revocations/runs', {}, 400, 'ERR_INVALID_INPUT'],
    ['parameters that are none', '/v1/reports/revocations/runs', { parameters: 'from' }, 400, 'ERR_INVALID_INPUT'],
    [
      'a format that is none',
      '/v1/reports/revocations/runs',
      { parameters: march, format: 'pdf' },
      400,
      'ERR_INVALID_INPUT',
    ],
    [
      'a field that is none',
      '/v1/reports/revocations/runs',
      { parameters: march, Format: 'csv' },
      400,
      'ERR_INVALID_INPUT',
    ],
    [
      'the future',
      '/v1/reports/revocations/runs',
      { parameters: { ...march, to: '2999-01-01T00:00:00Z' } },
      422,
      'ERR_INSTANT_IN_FUTURE',
    ],
  ])('are refused as a problem for %s', async (_, route, body, status, code) => {
    const answer = await admin.post(route, body);
    expect(answer).toMatchObject({ status, body: { code } });
  });

  it.each(['/v1/report-runs/999999/manifest', '/v1/report-runs/0/manifest', '/v1/report-runs/1e3/manifest'])(
    'have no manifest at %s',
    async (route) => {
      expect(await admin.get(route)).toMatchObject({ status: 404, body: { code: 'ERR_NOT_FOUND' } });
    },
  );

  it('are for compliance, login-state for analysts too, and for nobody else', async () => {
    const [analyst, compliance, application] = await Promise.all([
      clientWith('analyst'),
      clientWith('compliance'),
      clientWith('application', 'admin'),
    ]);
    const run = (report: string, parameters: object) => ({ route: `/v1/reports/${report}/runs`, body: { parameters } });
    const revocations = run('revocations', march);
    const loginState = run('login-state', { at: [march.from], asKnownAt: march.to });
    expect((await analyst.post(loginState.route, loginState.body)).status).toBe(200);
    expect(await analyst.post(revocations.route, revocations.body)).toMatchObject({
      status: 403,
      body: { code: 'ERR_FORBIDDEN' },
    });
    const done = await compliance.post(revocations.route, revocations.body);
    expect(done.status).toBe(200);
    expect((await application.post(loginState.route, loginState.body)).status).toBe(403);
    const [, manifest = ''] = /^<([^>]+)>/.exec(done.headers.get('link') ?? '') ?? [];
    expect((await compliance.get(manifest)).status).toBe(200);
    expect((await analyst.get(manifest)).status).toBe(403);
  });

  it('stay within the realm and applications of the key', async () => {
    const { key } = await madeKey(service, ['compliance'], { realm: 'default', applications: ['mobile'] });
    const bound = clientOf(service.address, key);
    const { text } = await bound.post('/v1/reports/access-history/runs', { parameters: march });
    expect(text).toContain(',mobile,');
    expect(text).not.toContain(',web,');
    const wider = await bound.post('/v1/reports/access-history/runs', { parameters: { ...march, realm: 'other' } });
    expect(wider).toMatchObject({ status: 403, body: { code: 'ERR_FORBIDDEN' } });
  });

  it('are made four at once, and no more: each keeps a file on disk', async () => {
    await service.owner.query('BEGIN');
    await service.owner.query('LOCK TABLE session_ledger.note IN ACCESS EXCLUSIVE MODE');
    const run = () => admin.post('/v1/reports/revocations/runs', { parameters: march });
    const runs = Array.from({ length: 5 }, run);
    const first = await Promise.race(runs);
    expect(first).toMatchObject({ status: 503, body: { code: 'ERR_LEDGER_BUSY' } });
    expect(Number(first.headers.get('retry-after'))).toBeGreaterThan(0);
    await service.owner.query('ROLLBACK');
    const statuses = (await Promise.all(runs)).map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 503]);
    expect((await run()).status).toBe(200);
  });

  it('are abandoned when the client goes away before the file is made, and leave nothing behind', async () => {
    await service.owner.query('BEGIN');
    await service.owner.query('LOCK TABLE session_ledger.note IN ACCESS EXCLUSIVE MODE');
    const request = http.request(`${service.address}/v1/reports/revocations/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/json' },
    });
    request.on('error', () => undefined); // it is us who hang up
    request.end(JSON.stringify({ parameters: march, caseId: 'GONE' }));
    await pause(500);
    request.destroy();
    try {
      await eventually(async () => expect(await lastOutcome()).toEqual({ case_id: 'GONE', outcome: 'abandoned' }));
    } finally {
      await service.owner.query('ROLLBACK');
    }
    expect(readdirSync(path.join(service.dataDir, 'uploads'))).toEqual([]);
  });
});

async function madeKey(
  service: TestService,
  roles: ApiKeyRole[],
  bounds: { realm?: string; applications?: string[] } = {},
) {
  const writer = await ledgerDataSource({
    url: service.databaseUrl,
    role: 'writer',
    poolSize: 1,
    applicationName: 'keys',
  }).initialize();
  try {
    return await createApiKey(writer, { name: roles.join(), roles, createdBy: 'the tests', ...bounds });
  } finally {
    await writer.destroy();
  }
}

async function eventually(check: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await check();
    } catch (failure) {
      if (tries === 50) throw failure;
      await pause(100);
    }
  }
}
