import { userInfo } from 'node:os';
import pg from 'pg';
import { openSession, recordSubject, writerOf } from '../ledger/session-writer.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../setup/database.js';
import { sessionLedger } from './command.js';

jest.setTimeout(60_000);

describe('the command line, for operators', () => {
  let database: TestDatabase;
  let owner: pg.Client;
  const run = (words: string, url = database.url) => sessionLedger([...words.split(' '), '--database-url', url]);

  beforeAll(async () => {
    database = await createTestDatabase();
    owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
  });

  afterAll(async () => {
    await owner.end();
    await database.drop();
  });

  it('explains itself, and exits with 0 only when asked to', async () => {
    const help = await sessionLedger(['--help']);
    expect(help.code).toBe(0);
    for (const command of [
      'serve',
      'migrate',
      'was-logged-in',
      'who-was-logged-in',
      'sessions',
      'history',
      'check',
      'revoke',
      'rebuild',
      'api-key',
      'gap',
    ])
      expect(help.out).toContain(`\n  ${command} `);
    expect((await sessionLedger(['was-logged-in', '--help'])).code).toBe(0);
    for (const words of [
      ['nonsense'],
      ['was-logged-in'],
      ['revoke', 'x'],
      ['api-key', 'create'],
      ['migrate', '--nonsense'],
    ]) {
      const { code, out, err } = await sessionLedger(words);
      expect({ words, code, out }).toEqual({ words, code: 2, out: '' });
      expect(err).toContain('error: ');
    }
  });

  it('says what PostgreSQL said where it failed for a reason that nobody foresaw', async () => {
    await owner.query(`
      CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the disk array is gone'; END $$;
      CREATE TRIGGER fails BEFORE INSERT ON session_ledger.question EXECUTE FUNCTION public.fail()`);
    const { code, out, err } = await run('was-logged-in alice');
    await owner.query('DROP TRIGGER fails ON session_ledger.question');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('see its cause: the disk array is gone (P0001) (ERR_INTERNAL)');
  });

  it('migrates, and says before what is pending', async () => {
    const empty = await createEmptyDatabase();
    try {
      const before = await run('migrate --check --json', empty.url);
      expect(before.code).toBe(1);
      expect(JSON.parse(before.out).pending.length).toBeGreaterThan(0);
      const done = await run('migrate --json', empty.url);
      expect({ code: done.code, applied: JSON.parse(done.out).applied }).toEqual({
        code: 0,
        applied: JSON.parse(before.out).pending,
      });
      expect(await run('migrate --check', empty.url)).toMatchObject({
        code: 0,
        out: 'The database is at this release\n',
      });
      expect(await run('migrate', empty.url)).toMatchObject({ code: 0 });
    } finally {
      await empty.drop();
    }
  });

  it('makes, lists and revokes API keys, and prints a key to whoever reads its output, alone', async () => {
    const made = await run('api-key create --role analyst compliance --name desk --realm staff');
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^slk_[0-9a-f]{32}_[\w-]{43}\n$/) });
    const listed = JSON.parse((await run('api-key list --json')).out).items;
    expect(listed).toMatchObject([
      {
        name: 'desk',
        roles: ['analyst', 'compliance'],
        realm: 'staff',
        createdBy: `os:${userInfo().username}`,
        revokedAt: null,
      },
    ]);
    expect(JSON.stringify(listed)).not.toContain(made.out.trim());
    const { apiKeyId } = listed[0];
    expect(await run(`api-key revoke ${apiKeyId}`)).toMatchObject({ code: 0, out: `Revoked ${apiKeyId}\n` });
    expect(await run(`api-key revoke ${apiKeyId}`)).toMatchObject({ code: 0, out: `${apiKeyId} was revoked before\n` });
    expect(await run('api-key revoke 00000000-0000-4000-8000-000000000000')).toMatchObject({
      code: 1,
      err: expect.stringContaining('ERR_NOT_FOUND'),
    });
    const table = await run('api-key list');
    expect(table.out).toContain('Times in Europe/Berlin\n');
    expect(table.out).toMatch(/desk +analyst,compliance +staff +any +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+0[12]:00/);
    expect(table.out).not.toContain('\u001b');
  });

  it('records a gap, and refuses one that ends before it begins or lies ahead', async () => {
    const recorded = await run(
      'gap record --cause outage --from 2026-01-01T00:00:00Z --to 2026-01-01T02:00:00+01:00 --case INC-7 --json',
    );
    expect(recorded.code).toBe(0);
    const { rows } = await owner.query('SELECT kind, reason, detail FROM session_ledger.event WHERE seq = $1', [
      JSON.parse(recorded.out).seq,
    ]);
    expect(rows).toEqual([
      {
        kind: 'gap',
        reason: 'outage',
        detail: { caseId: 'INC-7', from: '2026-01-01T00:00:00.000000Z', to: '2026-01-01T01:00:00.000000Z' },
      },
    ]);
    expect(await run('gap record --cause outage --from 2026-01-02T00:00:00Z --to 2026-01-01T00:00:00Z')).toMatchObject({
      code: 1,
      err: expect.stringContaining('ERR_RANGE_REVERSED'),
    });
    for (const [times, code] of [
      ['--from 2026-01-02T00:00:00Z --to 2999-01-01T00:00:00Z', 'ERR_INSTANT_IN_FUTURE'],
      ['--to 2999-01-01T00:00:00Z', 'ERR_INSTANT_IN_FUTURE'],
      ['--to 2026-01-01T00:00:00Z', 'ERR_RANGE_REVERSED'],
      ['--from 2999-01-01T00:00:00Z', 'ERR_INSTANT_IN_FUTURE'],
      ['--zone Nowhere', 'ERR_INVALID_INPUT'],
    ] as const)
      expect(await run(`gap record --cause outage ${times}`)).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining(code),
      });
    expect(await run('gap record --cause Outage!')).toMatchObject({
      code: 1,
      err: expect.stringContaining('ERR_INVALID_INPUT'),
    });
  });

  it('ends every live session with the gap when it is told that revocations may be lost', async () => {
    const writer = await writerOf(database);
    for (const user of ['alice', 'bob']) await openSession(writer, await recordSubject(writer, user));
    await writer.destroy();
    const recorded = await run('gap record --cause restored --from 2026-01-01T00:00:00Z --revoke-live --json');
    const { seq, revoked } = JSON.parse(recorded.out);
    expect({ code: recorded.code, revoked }).toEqual({ code: 0, revoked: 2 });
    const { rows } = await owner.query(
      `SELECT kind, reason, count(*)::int FROM session_ledger.event WHERE seq >= $1 GROUP BY 1, 2 ORDER BY min(seq)`,
      [seq],
    );
    expect(rows).toEqual([
      { kind: 'gap', reason: 'restored', count: 1 },
      { kind: 'revoked', reason: 'restored', count: 2 },
    ]);
    const again = await run('gap record --cause restored --from 2026-01-01T00:00:00Z --revoke-live');
    expect(again.out).toMatch(/^Recorded the gap as event \d+, and revoked 0 live sessions\n$/);
  });

  it('checks the rows of the sessions against the ledger, and finds what was changed behind its back', async () => {
    expect(await run('rebuild --check --json')).toMatchObject({
      code: 0,
      out: expect.stringContaining('"differences": 0'),
    });
    await owner.query(
      `INSERT INTO session_ledger.subject VALUES ('00000000-0000-4000-8000-000000000001', 'default', 'smuggled', '\\x${'00'.repeat(16)}', '\\x${'00'.repeat(32)}')`,
    );
    await owner.query(
      `INSERT INTO session_ledger.session (bucket, session_id, secret_digest, subject_id, application, created_at, authenticated_at, last_used_at, expires_at, absolute_expires_at, sweep_at, event_count, amr)
       VALUES (1, '019a0000-0000-7000-8000-000000000001', sha256('x'), '00000000-0000-4000-8000-000000000001', 'default', now(), now(), now(), now() + '1 hour', now() + '1 hour', now(), 1, '{}')`,
    );
    const found = await run('rebuild --check');
    expect(found.code).toBe(1);
    expect(found.out).toContain('019a0000-0000-7000-8000-000000000001  unrecorded');
    expect((await run('rebuild')).code).toBe(0);
    expect((await run('rebuild --check')).code).toBe(0);
  });

  it('says what to do when there is no ledger, and never makes an empty one in a mistyped place', async () => {
    const nowhere = await sessionLedger(['api-key', 'list'], { SESSION_LEDGER_DATA_DIR: '/nonexistent/place' });
    expect(nowhere).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('There is no ledger in /nonexistent/place'),
    });
    const unreachable = await run('api-key list', 'postgres://nobody@127.0.0.1:9/none');
    expect(unreachable).toMatchObject({ code: 1, out: '', err: expect.stringContaining('ERR_LEDGER_UNAVAILABLE') });
    expect(unreachable.err).not.toMatch(/\n\s+at /);
  });
});
