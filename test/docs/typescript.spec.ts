import path from 'node:path';
import ts from 'typescript';
import { root } from './documents.js';
import { blocksFor } from './exercised-blocks.js';

describe('the TypeScript of docs/developer.md', () => {
  it('compiles against the library as it is', () => {
    const blocks = blocksFor('test/docs/typescript.spec.ts', 'docs/developer.md');
    const sources = new Map(blocks.map(({ text, line }) => [path.join(root, `docs/developer.md-${line}.ts`), text]));
    expect(sources.size).toBeGreaterThan(3);
    expect(mistakesIn(sources)).toEqual([]);
  }, 120_000);
});

function mistakesIn(sources: Map<string, string>): string[] {
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.fileExists = (file) => sources.has(file) || ts.sys.fileExists(file);
  host.getSourceFile = (file, language, ...rest) => {
    const text = sources.get(file);
    return text === undefined ? read(file, language, ...rest) : ts.createSourceFile(file, text, language);
  };
  const paths = { 'session-ledger': [path.join(root, 'src/index.ts')] };
  const program = ts.createProgram([...sources.keys()], { ...options, paths, noEmit: true, incremental: false }, host);
  return [...sources.keys()].flatMap((file) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(file)).map(({ messageText, start }) => {
      const line = start === undefined ? 0 : (sources.get(file) ?? '').slice(0, start).split('\n').length;
      return `${path.relative(root, file)}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    }),
  );
}
