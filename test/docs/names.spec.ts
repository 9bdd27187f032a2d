import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { documents, root } from './documents.js';

const texts = documents().map((document) => ({ document, text: read(document) }));

/** What the documents name and the sources do not have, with where it stands. */
function unknown(pattern: RegExp, isKnown: (found: RegExpMatchArray) => boolean): string[] {
  const found = texts.flatMap(({ document, text }) =>
    [...text.matchAll(pattern)].map((match) => ({ document, match, name: match[1] ?? '' })),
  );
  expect(found.length).toBeGreaterThan(3);
  return found.filter(({ match }) => !isKnown(match)).map(({ document, name }) => `${document}: ${name}`);
}

describe('what the documents name', () => {
  it('are settings of the service', () => {
    const settings = `${read('src/environment.ts')}${read('src/environment.seal.ts')}`;
    const isRead = ([name]: RegExpMatchArray): boolean => settings.includes(`'${name}'`);
    expect(unknown(/\b(SESSION_LEDGER_[A-Z_]+)\b/g, isRead)).toEqual([]);
  });

  it('are codes of errors', () => {
    const codes = read('src/errors.ts');
    expect(unknown(/\b(ERR_[A-Z_]+)\b/g, ([name]) => codes.includes(`'${name}'`))).toEqual([]);
  });

  it('are commands of the command line, with options that they take', () => {
    const isKnown = ([, words = '']: RegExpMatchArray): boolean => {
      const file = `src/cli/${/^[a-z-]+/.exec(words)?.[0] ?? ''}.ts`;
      if (!existsSync(path.join(root, file))) return false;
      const sources = `${read(file)}${read('src/cli/command.ts')}`;
      return [...words.matchAll(/ (--[a-z-]+)/g)].every(([, option = '']) => sources.includes(`'${option}`));
    };
    // Up to what ends a command in a shell, in inline code, or in a sentence.
    expect(unknown(/(?:npx |`)session-ledger ([a-z-]+[^`\n|>#;,)]*)/g, isKnown)).toEqual([]);
  });

  it('are scripts of package.json', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(unknown(/\bnpm run ([\w:-]+)/g, ([, name = '']) => name in scripts || name === '--silent')).toEqual([]);
  });

  it('are files and folders', () => {
    const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const names = folders.map(({ name }) => name.replaceAll('.', '\\.')).join('|');
    const isThere = ([, name = '']: RegExpMatchArray): boolean => existsSync(path.join(root, name));
    expect(unknown(new RegExp(`\`((?:${names})/[\\w./-]+)\``, 'g'), isThere)).toEqual([]);
  });
});

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}
