import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './documents.js';
import { blocksFor } from './exercised-blocks.js';

const document = 'examples/bank/README.md';
const bank = path.join(root, path.dirname(document));
const withoutSpace = (text: string): string => text.replaceAll(/\s|,(?=\s*[)}])/g, '');

describe('the bank as its README shows it', () => {
  it('is guarded by the lines that stand there', () => {
    const [guard] = blocksFor('test/docs/bank.spec.ts', 'examples/bank/README.md');
    const source = readFileSync(path.join(bank, 'src/bank.module.ts'), 'utf8');
    expect(withoutSpace(source)).toContain(withoutSpace(guard?.text.trim() ?? '').replace(/,$/, ''));
  });

  it('has each line of the table in the file that is named beside it', () => {
    const rows = readFileSync(path.join(root, document), 'utf8').matchAll(
      /^\| `(?<line>[^|]+)` +\|.+\| \[.+\]\((?<file>src\/.+)\) +\|$/gm,
    );
    const shown = [...rows].map(({ groups = {} }) => [groups['line'] ?? '', groups['file'] ?? ''] as const);
    expect(shown.length).toBeGreaterThan(5);
    const absent = shown.filter(
      ([line, file]) => !withoutSpace(readFileSync(path.join(bank, file), 'utf8')).includes(withoutSpace(line)),
    );
    expect(absent).toEqual([]);
  });
});
