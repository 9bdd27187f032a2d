import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startServiceProcess, type ServiceProcess } from '../main/service-process.js';
import { documents, root } from './documents.js';
import { blocksFor } from './exercised-blocks.js';
import type { FencedBlock } from './fenced-blocks.js';
import { runInBash, type Ran } from './shell.js';

jest.setTimeout(180_000);

describe('the commands of the documents, pasted beside a running service', () => {
  let folder: string;
  let service: ServiceProcess;
  let address: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-docs-'));
    chmodSync(folder, 0o755);
    service = startServiceProcess(path.join(folder, '.session-ledger'));
    address = await service.listening();
  });

  afterAll(async () => {
    service.process.kill('SIGTERM');
    await service.ended();
    rmSync(folder, { recursive: true, force: true });
  });

  /** All blocks of a document in one bash; one that is to end with a code of its own must be the document's only one. */
  const paste = async (blocks: FencedBlock[]): Promise<Ran> => {
    const script = blocks.map(({ text }) => text).join('\n');
    const ran = await runInBash(script.replaceAll('http://127.0.0.1:3000', address), folder);
    const [, code = '0'] = /exit code (\d+)/.exec(blocks[0]?.remark ?? '') ?? [];
    expect(ran).toMatchObject({ code: Number(code) });
    return ran;
  };

  it('answer a newcomer (README.md)', async () => {
    expect((await paste(blocksFor('test/docs/commands.spec.ts', 'README.md'))).shown).toContain(
      ': unknown (before_ledger)',
    );
  });

  it('open, use and end a session from another language (docs/developer.md)', async () => {
    const { shown } = await paste(blocksFor('test/docs/commands.spec.ts', 'docs/developer.md'));
    expect(shown).toContain('"active":true');
    expect(shown).toContain('{"revoked":1}');
  });

  it('ask every question of an analyst (docs/analyst.md)', async () => {
    const { shown } = await paste(blocksFor('test/docs/commands.spec.ts', 'docs/analyst.md'));
    expect(shown).toContain('exit code 10');
    expect(shown).toContain('exit code 11');
    expect(shown).not.toContain('exit code 1\n');
    const checked = readFileSync(path.join(folder, 'checked.csv'), 'utf8').trimEnd().split(/\r?\n/);
    expect(checked.map((line) => line.split(',').slice(0, 6))).toEqual([
      ['transaction', 'userId', 'at', 'amount', 'login_answer', 'login_reason'],
      ['T-1', 'alice', expect.any(String), '120.00', 'logged_in', ''],
      ['T-2', 'alice', '2020-03-04T02:14:00Z', '80.00', 'unknown', 'before_ledger'],
      ['T-3', 'nobody', expect.any(String), '15.50', 'not_logged_in', 'no_such_user'],
      ['T-4', 'alice', 'yesterday', '9.99', '', ''],
    ]);
    expect(checked[4]).toContain('ERR_INVALID_INSTANT');
  });

  it('run reports and check their files (docs/compliance.md)', async () => {
    const { shown } = await paste(blocksFor('test/docs/commands.spec.ts', 'docs/compliance.md'));
    expect(shown).toContain('the file is whole');
    expect(shown).toMatch(/access-history-\d+\.csv\n(.*\n)*access-history-\d+\.manifest\.json/);
  });

  it('run a report into a folder (reports/README.md)', async () => {
    const before = readdirSync(path.join(folder, 'evidence'));
    await paste(blocksFor('test/docs/commands.spec.ts', 'reports/README.md'));
    const made = readdirSync(path.join(folder, 'evidence')).filter((name) => !before.includes(name));
    expect(made).toEqual([expect.stringMatching(/\.csv$/), expect.stringMatching(/\.manifest\.json$/)]);
  });

  it('watch what the service tells (docs/operator.md)', async () => {
    const told = await (await fetch(`${address}/metrics`)).text();
    const watched = readFileSync(path.join(root, 'docs/operator.md'), 'utf8').match(/`session_ledger_\w+(?=`)/g) ?? [];
    const metrics = watched.map((name) => name.slice(1)).filter((name) => !isRole.test(name));
    expect(metrics.length).toBeGreaterThan(5);
    expect(metrics.filter((name) => !told.includes(`# TYPE ${name.replace(/_(count|sum|bucket)$/, '')} `))).toEqual([]);
  });

  it('call routes that the service has', async () => {
    const { paths } = (await (await fetch(`${address}/openapi.json`)).json()) as { paths: object };
    const known = Object.keys(paths).map((route) => new RegExp(`^${route.replaceAll(/\{\w+\}/g, '[^/]+')}$`));
    const called = documents().flatMap((document) =>
      [...readFileSync(path.join(root, document), 'utf8').matchAll(/(?<!\w)\/v1\/[\w{}$/.-]*\w}?/g)].map(
        ([route]) => route,
      ),
    );
    expect(called.length).toBeGreaterThan(10);
    expect(called.filter((route) => !known.some((pattern) => pattern.test(route)))).toEqual([]);
  });
});

const isRole = /^session_ledger_(owner|writer|reader|sealer)$/;
