import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { parse } from 'yaml';
import { databaseUrl, testServerVariable } from '../setup/test-server.js';
import { blocksFor } from './exercised-blocks.js';
import { runInBash } from './shell.js';

jest.setTimeout(180_000);

const blocks = blocksFor('test/docs/operator.spec.ts', 'docs/operator.md');

describe('the set-up of docs/operator.md, step by step', () => {
  const server = new URL(process.env[testServerVariable] ?? '');
  let folder: string;
  let administrator: pg.Client;
  let names: Names;

  beforeAll(async () => {
    administrator = new pg.Client({ connectionString: server.toString() });
    await administrator.connect();
  });

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-docs-'));
    names = namesOfItsOwn();
  });

  afterEach(async () => {
    await administrator.query(`DROP DATABASE IF EXISTS ${names.database} WITH (FORCE)`);
    const roles = ['owner', 'writer', 'reader', 'sealer'].map((role) => `${names.prefix}_${role}`);
    for (const role of [names.service, ...roles, names.migrator])
      await administrator.query(`DROP ROLE IF EXISTS ${role}`);
    rmSync(folder, { recursive: true, force: true });
  });

  afterAll(() => administrator.end());

  it('makes two logins, migrates, makes keys, and leaves a service that cannot change what it wrote', async () => {
    const [setUp = '', watch = ''] = sqlOf('run');
    await asAdministrator(setUp);
    const shown = await runCommands(() => true);
    expect(shown).toContain('The database is at this release');
    expect(shown).toContain('fraud-desk');
    expect(shown).toMatch(/Recorded the gap as event \d+/);
    await expectThatTheServiceCannotChangeEvents();

    const owner = await connectedAs(decodeURIComponent(server.username), decodeURIComponent(server.password));
    const answers = [];
    for (const statement of statementsOf(watch)) answers.push((await owner.query(statement)).rows);
    await owner.end();
    expect(answers.slice(0, 3)).toEqual([
      [{ horizon_lag: expect.anything() }],
      [{ months_ahead: '3' }],
      [{ rows_without_month: '0' }],
    ]);
  });

  it('makes the secrets that compose.yaml reads, for nobody else on the machine', async () => {
    await runCommands((text) => text.includes('mkdir -m 700 secrets'));
    const { secrets } = parse(readFileSync('compose.yaml', 'utf8')) as { secrets: Record<string, { file: string }> };
    const read = Object.values(secrets).map(({ file }) => path.basename(file));
    expect(readdirSync(path.join(folder, 'secrets')).sort()).toEqual(read.sort());
  });

  it('does without a migrating login that makes roles, when an administrator makes them beforehand', async () => {
    const [setUp = ''] = sqlOf('run');
    const [roles = ''] = sqlOf('run where the migrating login makes no roles');
    await asAdministrator(setUp.replace(' CREATEROLE', ''));
    await asAdministrator(roles);
    expect(await runCommands((text) => text.includes('migrate --check'))).toContain('The database is at this release');
    await expectThatTheServiceCannotChangeEvents();
  });

  const sqlOf = (remark: string) =>
    blocks.filter((block) => block.language === 'sql' && block.remark === remark).map(({ text }) => inTheseNames(text));

  const asAdministrator = async (sql: string): Promise<void> => {
    for (const statement of statementsOf(sql)) await administrator.query(statement);
  };

  const runCommands = async (isWanted: (text: string) => boolean): Promise<string> => {
    const script = blocks
      .filter(({ language, text }) => language === 'bash' && isWanted(text))
      .map(({ text }) => inTheseNames(text).replaceAll('localhost:5432/ledger', `${server.host}/${names.database}`))
      .join('\n');
    const { code, shown } = await runInBash(script, folder, { SESSION_LEDGER_ROLE_PREFIX: names.prefix });
    expect({ code, shown }).toMatchObject({ code: 0 });
    return shown;
  };

  const expectThatTheServiceCannotChangeEvents = async (): Promise<void> => {
    const [refused = ''] = sqlOf('run as ledger_service, refused');
    const service = await connectedAs(names.service, 'change-me-2');
    const [actAs = '', change = ''] = statementsOf(refused);
    await service.query(actAs);
    await expect(service.query(change)).rejects.toMatchObject({ code: '42501' });
    await service.end();
  };

  const connectedAs = async (user: string, password: string): Promise<pg.Client> => {
    const url = new URL(databaseUrl(server.toString(), names.database));
    url.username = encodeURIComponent(user);
    url.password = encodeURIComponent(password);
    const client = new pg.Client({ connectionString: url.toString() });
    await client.connect();
    return client;
  };

  const inTheseNames = (text: string): string =>
    text
      .replaceAll('ledger_migrator', names.migrator)
      .replaceAll('ledger_service', names.service)
      .replaceAll(/session_ledger_(owner|writer|reader|sealer)/g, `${names.prefix}_$1`)
      .replaceAll('DATABASE ledger', `DATABASE ${names.database}`);
});

interface Names {
  readonly migrator: string;
  readonly service: string;
  readonly database: string;
  readonly prefix: string;
}

/** Roles belong to the cluster of the test run: the document's names get an ending of their own. */
function namesOfItsOwn(): Names {
  const ending = randomBytes(4).toString('hex');
  return {
    migrator: `migrator_${ending}`,
    service: `service_${ending}`,
    database: `docs_${ending}`,
    prefix: `docs_${ending}`,
  };
}

function statementsOf(sql: string): string[] {
  return sql
    .split(';\n')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}
