import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { clientOf } from '../http/client.js';
import { startTestService, type TestService } from '../http/running-service.js';
import { sessionLedger, type Ran } from './command.js';

jest.setTimeout(60_000);

describe('the command line, for analysts', () => {
  let service: TestService;
  let folder: string;
  let api: ReturnType<typeof clientOf>;
  let session: { sessionId: string; createdAt: string };
  const user = 'ali\u202Ece';
  const run = (words: string[], input = ''): Promise<Ran> =>
    sessionLedger([...words, '--database-url', service.databaseUrl], {}, input);

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-cli-'));
    service = await startTestService();
    api = clientOf(service.address, service.adminKey);
    const client = { ip: '203.0.113.7', userAgent: 'Evil\u001b[31m/1.0' };
    session = (await api.post('/v1/sessions', { userId: 'ali\u202Ece', client })).body['session'] as never;
    let settled = false;
    while (!settled) {
      const { rows } = await service.owner.query('SELECT settled_at >= $1 AS settled FROM session_ledger.horizon', [
        session.createdAt,
      ]);
      settled = rows[0].settled;
    }
  });

  afterAll(async () => {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('answers in its exit code: 0 logged in, 10 not logged in, 11 unknown, anything else is a failure', async () => {
    const at = session.createdAt;
    expect(await run(['was-logged-in', user, '--at', at])).toMatchObject({
      code: 0,
      out: expect.stringContaining('logged in'),
    });
    expect(await run(['was-logged-in', 'nobody', '--at', at])).toMatchObject({
      code: 10,
      out: expect.stringContaining('not logged in (no_such_user)'),
    });
    expect(await run(['was-logged-in', user, '--at', '2001-01-01T00:00:00Z'])).toMatchObject({
      code: 11,
      out: expect.stringContaining('unknown (before_ledger)'),
    });
    expect(await run(['was-logged-in', user, '--at', '2999-01-01T00:00:00Z'])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('ERR_INSTANT_IN_FUTURE'),
    });
    expect(await run(['was-logged-in', user, '--at', 'yesterday'])).toMatchObject({ code: 1, out: '' });
  });

  it('gives the same answer as the API', async () => {
    const asked = await run(['was-logged-in', user, '--at', session.createdAt, '--json']);
    const { body } = await api.post('/v1/login-state', { userId: user, at: session.createdAt });
    const { later: _, checkpoint: __, sealed: ___, ...settled } = JSON.parse(asked.out);
    expect(body).toMatchObject(settled);
    const range = { from: '2001-01-01T00:00:00Z', to: session.createdAt };
    const over = await run(['was-logged-in', user, '--from', range.from, '--to', range.to, '--json']);
    const { body: overHttp } = await api.post('/v1/login-state', { userId: user, ...range });
    const { checkpoint: ____, sealed: _____, ...intervals } = JSON.parse(over.out);
    expect(overHttp).toMatchObject(intervals);
  });

  it('answers for a range: logged in at any time of it beats unknown, and that beats not logged in', async () => {
    const hour = 3_600_000;
    const createdAt = Date.parse(session.createdAt);
    const instant = (shift: number): string => new Date(createdAt + shift).toISOString();
    const ask = (from: string, to: string, who = user) => run(['was-logged-in', who, '--from', from, '--to', to]);
    const covered = instant(1);
    while (Date.now() < createdAt + 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const yes = await ask(instant(-hour), instant(2));
    expect(yes).toMatchObject({ code: 0, out: expect.stringMatching(/: logged in at some time\n/) });
    expect(yes.out).toMatch(/The ledger can know a part of it\n/);
    expect(yes.out).toMatch(/\nfrom +to +answer +reason\n.* unknown +before_ledger\n(.*\n)*.* logged in +-\n/);
    expect(yes.out).toMatch(new RegExp(`\n${session.sessionId} +default +\\d{4}-`));
    expect(await ask(instant(-hour), instant(2), 'nobody')).toMatchObject({
      code: 11,
      out: expect.stringContaining(': unknown\n'),
    });
    expect(await ask(covered, instant(2), 'nobody')).toMatchObject({
      code: 10,
      out: expect.stringContaining(': not logged in\n'),
    });
    for (const [words, message] of [
      [['--from', covered], '--from goes with --to'],
      [['--at', covered, '--from', covered, '--to', instant(2)], 'either --at'],
      [['--from', covered, '--to', '2999-01-01T00:00:00Z'], 'ERR_INSTANT_IN_FUTURE'],
    ] as const)
      expect(await run(['was-logged-in', user, ...words])).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining(message),
      });
  });

  it('says what an answer covers, whether it is sealed, and who acted as somebody else', async () => {
    await api.post('/v1/sessions', { userId: 'dora', actor: { userId: 'help-desk' } });
    const dora = await run(['was-logged-in', 'dora']);
    expect(dora.code).toBe(10);
    expect(dora.out).toMatch(/\nNot settled yet, not sealed yet; times in Europe\/Berlin\nCovers default since \d{4}-/);
    expect(dora.out).toMatch(/\nimpersonation +application +created .*\n.* help-desk \(realm default\)\n/);
    const everyone = await run(['who-was-logged-in', '--at', session.createdAt]);
    expect(everyone.out).toMatch(/\nWhoever is not listed was not logged in\n/);
    const before = await run(['who-was-logged-in', '--at', '2001-01-01T00:00:00Z']);
    expect(before.out).toMatch(/: 0\n(.*\n)+Whether anybody else was logged in is unknown \(before_ledger\)\n/);
  });

  it.each([
    ['was-logged-in', user],
    ['sessions', user],
    ['check', '-'],
  ])('refuses a zone that there is none of, before anything is asked: %s', async (...words) => {
    const asked = 'SELECT count(*)::integer AS count FROM session_ledger.question';
    const before = (await service.owner.query(asked)).rows[0].count;
    const refused = await run([...words, '--zone', 'Nowhere']);
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/zone .*\(ERR_INVALID_INPUT\)\n$/) });
    expect((await service.owner.query(asked)).rows[0].count).toBe(before);
  });

  it('shows the history of a session in the zone asked for', async () => {
    const { out } = await run(['history', session.sessionId, '--zone', 'Asia/Tokyo']);
    expect(out).toMatch(/^Times in Asia\/Tokyo\n.*\n.*\+09:00/);
  });

  it('shows a person tables in their own zone, without a character that could mislead a terminal', async () => {
    const tables = [
      await run(['was-logged-in', user, '--at', session.createdAt]),
      await run(['sessions', user]),
      await run(['history', session.sessionId]),
      await run(['who-was-logged-in', '--at', session.createdAt]),
    ];
    for (const { code, out } of tables) {
      expect(code).toBe(0);
      expect(out).toContain('Europe/Berlin');
      expect(out).not.toMatch(/[\u001b\u202E]/);
    }
    expect(tables[0]?.out).toContain('ali\\u{202e}ce');
    expect(tables[0]?.out).toMatch(/\d\d:\d\d:\d\d\.\d{6}\+0[12]:00/);
    expect(tables[1]?.out).toContain(session.sessionId);
    expect(tables[2]?.out).toMatch(/created +\d{4}-/);
    expect(tables[3]?.out).toContain('ali\\u{202e}ce');
  });

  it('gives lists whole, as one JSON document', async () => {
    for (const words of [['sessions', user], ['history', session.sessionId], ['who-was-logged-in']]) {
      const { code, out } = await run([...words, '--json']);
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ items: [expect.any(Object)], next: null });
    }
  });

  it('is on record with the user of this machine and the role of the login', async () => {
    await run(['was-logged-in', user, '--at', session.createdAt, '--case', 'cli-case']);
    const { rows } = await service.owner.query(
      `SELECT asked_by, database_role, case_id FROM session_ledger.question WHERE case_id = 'cli-case'`,
    );
    expect(rows).toEqual([
      { asked_by: `os:${userInfo().username}@${hostname()}`, database_role: 'postgres', case_id: 'cli-case' },
    ]);
  });

  it('answers a list from a file or from standard input, in its own format', async () => {
    const list = `userId,at\nnobody,${session.createdAt}\n`;
    const file = path.join(folder, 'list.csv');
    writeFileSync(file, list);
    const fromFile = await run(['check', file]);
    const expected = `userId,at,login_answer,login_reason,login_settled,login_session_ids,login_evidence_seqs,login_error\nnobody,${session.createdAt},not_logged_in,no_such_user,true,,,\n`;
    expect(fromFile).toMatchObject({ code: 0, out: expected, err: expect.stringContaining('lines written') });
    expect((await run(['check', '-'], list)).out).toBe(expected);
    const ndjson = await run(
      ['check', '-', '--format', 'ndjson'],
      `${JSON.stringify({ userId: user, at: session.createdAt })}\n`,
    );
    expect(JSON.parse(ndjson.out)).toMatchObject({
      userId: user,
      loginState: { answer: 'logged_in', sessionIds: [session.sessionId] },
    });
    expect(await run(['check', path.join(folder, 'missing.csv')])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('ENOENT'),
    });
    expect(await run(['check', '-'], 'user,when\nx,y\n')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('ERR_INVALID_INPUT'),
    });
  });

  it('ends a session, and says when it had ended before', async () => {
    const revoke = ['revoke', session.sessionId, '--reason', 'risk', '--note', 'odd address', '--actor', 'erin'];
    expect(await run(revoke)).toMatchObject({ code: 0, out: `Revoked ${session.sessionId}\n` });
    expect(await run(revoke)).toMatchObject({ code: 0, out: `${session.sessionId} had ended before\n` });
    const { rows } = await service.owner.query(
      `SELECT e.kind, e.reason, r.name FROM session_ledger.event e JOIN session_ledger.recorder r ON r.recorder_id = e.recorded_by
        WHERE e.session_id = $1 ORDER BY e.session_seq DESC LIMIT 1`,
      [session.sessionId],
    );
    expect(rows).toEqual([{ kind: 'revoked', reason: 'risk', name: `os:${userInfo().username}` }]);
  });
});
