import { readdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

jest.setTimeout(60_000);

const batch = '/v1/login-state/batch';
const csv = { 'content-type': 'text/csv' };
const ndjson = { 'content-type': 'application/x-ndjson' };

describe('the batch over HTTP', () => {
  let service: TestService;
  let api: ReturnType<typeof clientOf>;
  let at: string;
  let sessionId: string;

  beforeAll(async () => {
    service = await startTestService({ SESSION_LEDGER_MAX_UPLOAD_BYTES: String(4 * 2 ** 20) });
    api = clientOf(service.address, service.adminKey);
    const { body } = await api.post('/v1/sessions', { userId: 'alice' });
    ({ sessionId, createdAt: at } = body['session'] as unknown as { sessionId: string; createdAt: string });
    let settled = false;
    while (!settled) {
      const { rows } = await service.owner.query('SELECT settled_at >= $1 AS settled FROM session_ledger.horizon', [
        at,
      ]);
      settled = rows[0].settled;
      await pause(20);
    }
  });

  afterAll(() => service.stop());

  const outcomesOf = async (caseId: string): Promise<{ outcome: string | null; row_count: number | null }[]> => {
    const { rows } = await service.owner.query(
      `SELECT o.outcome, o.row_count::int FROM session_ledger.question q LEFT JOIN session_ledger.question_outcome o USING (question_id) WHERE q.case_id = $1`,
      [caseId],
    );
    return rows;
  };

  it('answers CSV row by row, in order, with the columns that came in untouched', async () => {
    const rows = [
      `case 1,alice,${at},"a ""quoted"" cell"`,
      `case 2,nobody,${at},=1+1`,
      `case 3,alice,not an instant,`,
      `case 4,alice,2999-01-01T00:00:00Z,x`,
    ];
    const { status, headers, text } = await api.send(batch, {
      body: `ref,userId,at,note\r\n${rows.join('\r\n')}\r\n`,
      headers: { ...csv, 'x-case-id': 'csv-1' },
    });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/csv/);
    const lines = text.trim().split(/\r?\n/);
    expect(lines[0]).toBe(
      'ref,userId,at,note,login_answer,login_reason,login_settled,login_session_ids,login_evidence_seqs,login_error',
    );
    expect(lines[1]).toMatch(new RegExp(`^case 1,alice,${at},"a ""quoted"" cell",logged_in,,true,${sessionId},\\d+,$`));
    expect(lines[2]).toMatch(/^case 2,nobody,[^,]+,=1\+1,not_logged_in,no_such_user,true,,,$/);
    expect(lines[3]).toContain('ERR_INVALID_INSTANT');
    expect(lines[4]).toContain('ERR_INSTANT_IN_FUTURE');
    expect(await outcomesOf('csv-1')).toEqual([{ outcome: 'answered', row_count: 4 }]);
  });

  it('answers NDJSON line by line', async () => {
    const lines = [
      { userId: 'alice', at, n: 1 },
      { userId: 'nobody', at, n: 2 },
    ].map((line) => JSON.stringify(line));
    const { status, text } = await api.send(batch, { body: `${lines.join('\n')}\nnot json\n`, headers: ndjson });
    expect(status).toBe(200);
    const answers = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([
      { userId: 'alice', n: 1, loginState: { answer: 'logged_in', sessionIds: [sessionId] } },
      { userId: 'nobody', n: 2, loginState: { answer: 'not_logged_in', reason: 'no_such_user' } },
      { loginState: { error: expect.anything() } },
    ]);
  });

  it('refuses what it cannot answer before the first byte', async () => {
    const refusals: [body: string, headers: Record<string, string>, status: number, code: string][] = [
      ['ref,at\n1,2\n', csv, 400, 'ERR_INVALID_INPUT'],
      [`userId,at,login_answer\nalice,${at},x\n`, csv, 422, 'ERR_COLUMN_COLLISION'],
      ['', csv, 400, 'ERR_INVALID_INPUT'],
      ['userId,at\n', { 'content-type': 'text/plain' }, 415, 'ERR_UNSUPPORTED_MEDIA_TYPE'],
      [`userId,at\n${`${'x'.repeat(200)},${at}\n`.repeat(25_000)}`, csv, 413, 'ERR_UPLOAD_TOO_LARGE'],
    ];
    for (const [body, headers, status, code] of refusals) {
      const answer = await api.send(batch, { body, headers, method: 'POST' });
      expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
    }
  });

  it('answers 20,000 rows, and leaves no upload behind', async () => {
    const body = `userId,at\n${Array.from({ length: 20_000 }, (_, row) => `${row % 2 ? 'alice' : `user-${row}`},${at}\n`).join('')}`;
    const { text } = await api.send(batch, { body, headers: { ...csv, 'x-case-id': 'csv-2' } });
    const lines = text.trim().split(/\r?\n/).slice(1);
    expect(lines).toHaveLength(20_000);
    expect(lines.every((line, row) => line.includes(row % 2 ? ',logged_in,' : ',not_logged_in,'))).toBe(true);
    expect(readdirSync(path.join(service.dataDir, 'uploads'))).toEqual([]);
    expect(await outcomesOf('csv-2')).toEqual([{ outcome: 'answered', row_count: 20_000 }]);
  });

  it('stops working, and says so on record, when whoever asked has left', async () => {
    const body = `userId,at\n${`alice,${at}\n`.repeat(90_000)}`;
    const { port } = new URL(service.address);
    await new Promise<void>((resolve) => {
      const request = http.request(
        {
          port,
          path: batch,
          method: 'POST',
          headers: { ...csv, authorization: `Bearer ${service.adminKey}`, 'x-case-id': 'csv-3' },
        },
        (response) => {
          response.once('data', () => response.destroy());
          response.once('close', resolve);
        },
      );
      request.on('error', () => resolve());
      request.end(body);
    });
    let outcomes = await outcomesOf('csv-3');
    for (let waited = 0; outcomes[0]?.outcome === null && waited < 200; waited += 1) {
      await pause(50);
      outcomes = await outcomesOf('csv-3');
    }
    expect(outcomes).toMatchObject([{ outcome: 'abandoned' }]);
    expect(outcomes[0]?.row_count).toBeLessThan(90_000);
  });

  it('leaves nothing behind of an upload that breaks off', async () => {
    const { port } = new URL(service.address);
    const request = http.request({
      port,
      path: batch,
      method: 'POST',
      headers: { ...csv, authorization: `Bearer ${service.adminKey}` },
    });
    request.on('error', () => undefined);
    request.write('userId,at\nalice,');
    await pause(200);
    request.destroy();
    await pause(200);
    expect(readdirSync(path.join(service.dataDir, 'uploads'))).toEqual([]);
    expect((await api.get('/health/ready')).status).toBe(200);
  });
});
