import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { numbered } from '../../src/report/named-parameters.js';
import { readDefinition, type ReportDefinition } from '../../src/report/report-definition.js';
import { ReportDefinitions } from '../../src/report/report-definitions.js';

const reports = new ReportDefinitions();

describe('the reports', () => {
  it('are readable without TypeScript: each says in words what its parameters and columns mean', async () => {
    const definitions = await reports.list();
    expect(definitions.map(({ name }) => name)).toEqual(['access-history', 'login-state', 'revocations']);
    for (const definition of definitions) {
      const words = await readFile(`reports/${definition.name}/report.md`, 'utf8');
      expect(words.startsWith(`# ${definition.title}\n`)).toBe(true);
      expect(words).toContain(definition.question);
      expect(tableRows(words)).toEqual(expect.arrayContaining(describedIn(definition)));
    }
  });

  it('bear a digest that sha256sum gives too', async () => {
    const { sha256 } = await reports.named('login-state');
    const bytes = await Promise.all(
      ['report.sql', 'definition.json'].map((file) => readFile(`reports/login-state/${file}`)),
    );
    expect(sha256).toBe(createHash('sha256').update(Buffer.concat(bytes)).digest('hex'));
  });

  it('cannot be read when the statement and the description differ', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'session-ledger-reports-'));
    try {
      const described = JSON.parse(await readFile('reports/revocations/definition.json', 'utf8')) as object;
      await mkdir(path.join(folder, 'revocations'));
      await writeFile(path.join(folder, 'revocations', 'definition.json'), JSON.stringify(described));
      await writeFile(
        path.join(folder, 'revocations', 'report.sql'),
        'SELECT :realm, :applications, :asKnownAt, :form',
      );
      await expect(readDefinition(folder, 'revocations')).rejects.toThrow(
        'reports/revocations is not a report: report.sql uses :form, which definition.json does not have; ' +
          'report.sql does not use :from; report.sql does not use :to; report.sql does not use :reasons',
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('name their parameters, and leave casts, slices, strings and comments alone', () => {
    expect(numbered(`SELECT :at::text, ':no' || ":no", a[:3], :to, :at -- :no\n`)).toEqual({
      text: `SELECT $1::text, ':no' || ":no", a[:3], $2, $1 -- :no\n`,
      names: ['at', 'to'],
    });
  });
});

/** Rows of the tables in a text, cells without their white space. */
function tableRows(words: string): string[] {
  return words
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.replaceAll(/ *\| */g, '|'));
}

function describedIn({ parameters, columns }: ReportDefinition): string[] {
  return [
    ...parameters.map((one) => `|\`${one.name}\`|${one.type}|${one.whenOmitted}|\`${one.example}\`|${one.meaning}|`),
    ...columns.map((one) => `|\`${one.name}\`|${one.type}|${one.meaning}|`),
  ];
}
