import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { RecordedBank } from '../report/recorded-bank.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { sessionLedger } from './command.js';

jest.setTimeout(90_000);

const march = ['--param', 'from=2026-03-01T00:00:00Z', '--param', 'asKnownAt=2026-04-01T00:00:00Z'];

describe('session-ledger report', () => {
  let database: TestDatabase;
  let folder: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    await RecordedBank.record(database.url);
    folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-report-'));
  });

  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await database.drop();
  });

  const report = (...words: string[]) => sessionLedger(['report', ...words], { DATABASE_URL: database.url });

  it('lists and describes the reports without a database', async () => {
    const listed = await sessionLedger(['report', 'list']);
    expect(listed).toMatchObject({ code: 0, out: expect.stringContaining('login-state') });
    const shown = await sessionLedger(['report', 'show', 'revocations', '--json']);
    expect(JSON.parse(shown.out)).toMatchObject({ name: 'revocations', columns: expect.any(Array) });
  });

  it('writes a file and its manifest, for its owner alone, and records who asked', async () => {
    const out = path.join(folder, 'evidence');
    const ran = await report('run', 'revocations', ...march, '--case', 'AUDIT-7', '--out', out);
    expect(ran).toMatchObject({ code: 0, err: '' });
    const [file = '', manifestFile = ''] = ran.out.split('\n');
    const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
    expect(manifest.files[0].sha256).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
    expect(readdirSync(out).sort()).toEqual([path.basename(file), path.basename(manifestFile)].sort());
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await lastQuestion(database.url)).toMatchObject({
      asked_by: expect.stringMatching(/^os:.+@/),
      case_id: 'AUDIT-7',
    });
  });

  it('takes a list as the same parameter several times', async () => {
    const words = ['--param', 'userIds=alice', '--param', 'userIds=zoe', '--param', 'at=2026-03-04T02:14:00Z'];
    const ran = await report(
      'run',
      'login-state',
      ...words,
      '--param',
      'asKnownAt=2026-04-01T00:00:00Z',
      '--json',
      '--format',
      'ndjson',
      '--out',
      folder,
    );
    const { file } = JSON.parse(ran.out) as { file: string };
    const lines = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { user_id: 'alice', answer: 'logged_in' },
      { user_id: 'zoe', answer: 'not_logged_in', reason: 'no_such_user' },
    ]);
  });

  it.each([
    ['a parameter without a value', ['run', 'revocations', '--param', 'from'], 2, 'name=value'],
    ['a report that does not exist', ['run', 'everything'], 1, 'there are access-history, login-state, revocations'],
    ['a missing parameter', ['run', 'revocations'], 1, 'from is needed'],
    [
      'a place that cannot be written',
      ['run', 'revocations', ...march, '--out', '/dev/null/here'],
      1,
      'cannot be written',
    ],
  ])('says what is wrong with %s, and leaves no file', async (_, words, code, message) => {
    const before = readdirSync(folder);
    const ran = await report(...words);
    expect(ran).toMatchObject({ code, out: '', err: expect.stringContaining(message) });
    expect(readdirSync(folder)).toEqual(before);
  });
});

async function lastQuestion(url: string): Promise<object> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query('SELECT * FROM session_ledger.question ORDER BY question_id DESC LIMIT 1');
    return rows[0];
  } finally {
    await client.end();
  }
}
