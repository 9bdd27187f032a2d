import { readFileSync } from 'node:fs';
import { policyPresets } from '../../src/session/policy-presets.js';
import type { PolicyClause } from '../../src/session/policy-clause.js';

describe('the tables of the documents', () => {
  it('list every setting of the service (docs/operator.md)', () => {
    const sources = ['src/environment.ts', 'src/environment.seal.ts'].map((file) => readFileSync(file, 'utf8'));
    const read = sources.join('').matchAll(/'(SESSION_LEDGER_[A-Z_]+|PORT|HOST|DATABASE_URL)'/g);
    const settings = new Set([...read].map(([, name = '']) => name));
    const described = cellsOf('docs/operator.md').map(([first = '']) => /^`([A-Z][A-Z_]+)`$/.exec(first)?.[1]);
    expect(new Set(described.filter((name) => name !== undefined))).toEqual(settings);
  });

  it('list every policy with its limits, and each clause with how binding it is (docs/compliance.md)', () => {
    const described = cellsOf('docs/compliance.md').filter(([first = '']) => first.slice(1, -1) in policyPresets);
    expect(described).toEqual(
      Object.entries(policyPresets).map(([name, preset]) => {
        const clauses = (limit: PolicyClause['limit']) =>
          preset.clauses
            .filter((clause) => clause.limit === limit)
            .map(inWords)
            .join('; ');
        const maxConcurrent = 'maxConcurrent' in preset ? `${preset.maxConcurrent}: ${clauses('maxConcurrent')}` : '';
        return [
          `\`${name}\``,
          span(preset.idleSeconds),
          clauses('idleSeconds'),
          span(preset.absoluteSeconds),
          clauses('absoluteSeconds'),
          maxConcurrent,
        ];
      }),
    );
  });
});

/** The cells of every table row of a document. */
function cellsOf(document: string): string[][] {
  return readFileSync(document, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

function inWords({ clause, modality }: PolicyClause): string {
  return `${clause} (${modality === 'org-defined' ? 'organisation-defined' : modality})`;
}

function span(seconds: number | null): string {
  if (seconds === null) return 'none';
  if (seconds >= 2 * 86_400) return `${seconds / 86_400} d`;
  return seconds > 3_600 ? `${seconds / 3_600} h` : `${seconds / 60} min`;
}
