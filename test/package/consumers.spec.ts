import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { blocksFor } from '../docs/exercised-blocks.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../setup/database.js';
import { Browser } from '../examples/browser.js';
import { copyBank, startBank } from './installed-bank.js';
import { installPackage, linkPackages } from './installed-package.js';
import { packPackage, root, type PackedPackage } from './packed-package.js';
import {
  compilerFaults,
  makeApplication,
  packagedCommand,
  startApplication,
  type RunningApplication,
} from './sample-application.js';

jest.setTimeout(180_000);

const run = promisify(execFile);

describe('an application that installs the packed package', () => {
  let place: string;
  let packed: PackedPackage;
  let database: TestDatabase;
  let bankDatabase: TestDatabase;
  let owner: pg.Client;
  let module: string;
  let commonjs: string;
  // What takes long in a process of its own begins at once, and is waited for where it is needed.
  let bank: Promise<RunningApplication>;
  let nodenextFaults: Promise<string[]>;
  let bundlerFaults: Promise<string[]>;

  beforeAll(async () => {
    place = await mkdtemp(path.join(tmpdir(), 'session-ledger-package-'));
    packed = await packPackage(place);
    await installPackage(place, packed.tarball);
    module = await makeApplication(path.join(place, 'module'), 'module');
    commonjs = await makeApplication(path.join(place, 'commonjs'), 'commonjs');
    nodenextFaults = compilerFaults('nodenext', [module, commonjs]);
    bundlerFaults = compilerFaults('bundler', [module, commonjs]);
    database = await createTestDatabase();
    bankDatabase = await createEmptyDatabase();
    owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
    await copyBank(path.join(place, 'bank'));
    const commands = blocksFor('test/package/consumers.spec.ts', 'examples/bank/README.md');
    bank = startBank(path.join(place, 'bank'), commands, bankDatabase.url);
    await Promise.allSettled([nodenextFaults, bundlerFaults, bank]);
  });

  afterAll(async () => {
    await bank?.then((running) => running.stop()).catch(() => undefined); // its test has said why it did not start
    await owner?.end();
    await bankDatabase?.drop();
    await database?.drop();
    await rm(place, { recursive: true, force: true });
  });

  it('gets the service, the command line, the reports and the bank of the demonstration', () => {
    expect(packed.files).toEqual(
      expect.arrayContaining([
        'dist/src/index.d.ts',
        'dist/src/main.js',
        'dist/src/cli.js',
        'dist/src/verify.js',
        'dist/examples/bank/src/main.js',
        'reports/login-state/report.sql',
        'migrations/schema.sql',
      ]),
    );
  });

  it('is guarded by the five lines of the README', async () => {
    const text = await readFile(path.join(import.meta.dirname, 'application/app.module.ts'), 'utf8');
    const lines = text
      .split('\n')
      .filter((line) => /session-ledger|SessionLedger|[sS]essions\b|PublicRoute/.test(line));
    const [block] = blocksFor('test/package/consumers.spec.ts', 'README.md');
    const shown = block?.text.trim().split('\n') ?? [];
    expect(shown.length).toBeLessThanOrEqual(5);
    expect(lines.map((line) => line.trim())).toEqual(shown.map((line) => line.replace(/ \/\/ .*/, '')));
  });

  it('compiles under moduleResolution nodenext and bundler, as an ES module and as CommonJS, for Express and Fastify', async () => {
    expect(await nodenextFaults).toEqual([]);
    expect(await bundlerFaults).toEqual([]);
    expect(await readFile(path.join(module, 'dist/app.module.js'), 'utf8')).toMatch(/^import /m);
    expect(await readFile(path.join(commonjs, 'dist/app.module.js'), 'utf8')).toMatch(/^exports\./m);
  });

  it('checks a ledger by the import session-ledger/verify', () => {
    const script = `import('session-ledger/verify').then(({ verifyLog, verifyEvidence }) => console.log(typeof verifyLog, typeof verifyEvidence))`;
    expect(execFileSync(process.execPath, ['-e', script], { cwd: commonjs, encoding: 'utf8' })).toBe(
      'function function\n',
    );
  });

  it.each([
    ['an ES module on Express', () => module, 'main.express.js'],
    ['an ES module on Fastify', () => module, 'main.fastify.js'],
    ['CommonJS on Express', () => commonjs, 'main.express.js'],
    ['CommonJS on Fastify', () => commonjs, 'main.fastify.js'],
  ] as const)('as %s lets in who logged in, and nobody after the revocation', async (what, folderOf, main) => {
    const words = [process.execPath, path.join('dist', main)] as const;
    const application = await startApplication(folderOf(), words, { DATABASE_URL: database.url });
    try {
      const account = (cookie?: string) =>
        fetch(`${application.address}/account`, { headers: cookie === undefined ? {} : { cookie } });
      expect((await account()).status).toBe(401);

      const cookie = await loggedIn(application.address, what);
      const answer = await account(cookie);
      expect([answer.status, await answer.json()]).toEqual([200, { cents: 250_000 }]);

      const revoke = ['revoke', await sessionOf(what), '--reason', 'admin', '--database-url', database.url];
      await packagedCommand(folderOf(), revoke);
      expect((await account(cookie)).status).toBe(401);
      expect(await kindsOf(what)).toEqual(['created', 'used', 'revoked']);
    } finally {
      await application.stop();
    }
  });

  it('is tested by Jest as docs/developer.md shows', async () => {
    await linkPackages(module, ['@swc/jest']);
    for (const { text } of blocksFor('test/package/consumers.spec.ts', 'docs/developer.md'))
      await writeFile(path.join(module, /^\/\/ (\S+)$/m.exec(text)?.[1] ?? ''), text);
    const jest = [path.join(root, 'node_modules/jest/bin/jest.js'), '--testPathIgnorePatterns', '/dist/'];
    const { stderr } = await run(process.execPath, jest, { cwd: module, env: { DATABASE_URL: database.url } });
    expect(stderr).toContain('Tests:       1 passed, 1 total');
  });

  it('is the bank of the examples, built and started by the commands of its README', async () => {
    const { address } = await bank;
    const alice = new Browser(address);
    const login = await alice.post('/login', { userId: 'alice', password: 'correct horse battery' });
    expect([login.status, login.headers.get('location')]).toEqual([303, '/account']);
    expect(await (await alice.get('/account')).text()).toContain('You own 2,500.00.');
    const ask = ['was-logged-in', 'alice', '--database-url', bankDatabase.url];
    expect(await packagedCommand(path.join(place, 'bank'), ask)).toContain(': logged in\n');
  });

  async function loggedIn(address: string, userId: string): Promise<string> {
    const answer = await fetch(`${address}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId }),
    });
    expect(answer.status).toBe(201);
    return answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  }

  async function sessionOf(userId: string): Promise<string> {
    const { rows } = await owner.query<{ session_id: string }>(
      'SELECT session_id FROM session_ledger.session JOIN session_ledger.subject USING (subject_id) WHERE user_id = $1',
      [userId],
    );
    return rows[0]?.session_id ?? '';
  }

  async function kindsOf(userId: string): Promise<string[]> {
    const { rows } = await owner.query<{ kind: string }>(
      'SELECT kind FROM session_ledger.event WHERE session_id = $1 ORDER BY session_seq',
      [await sessionOf(userId)],
    );
    return rows.map(({ kind }) => kind);
  }
});
