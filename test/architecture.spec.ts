import {
  filesWithoutRoom,
  packagesOutOfPlace,
  packagesReachedByStandAloneFiles,
  reversedArrows,
} from './architecture/arrows.js';
import { bannedComments } from './architecture/banned-comments.js';
import { namesThatSayNothing, roomIndexFiles } from './architecture/banned-names.js';
import { bannedSyntax } from './architecture/banned-syntax.js';
import { undocumentedExports } from './architecture/doc-comments.js';
import { ledgerChanges, unlistedLedgerWriters } from './architecture/ledger-writes.js';
import { filesTooLong, functionsTooLong } from './architecture/sizes.js';
import { hiddenSql, sharedSql } from './architecture/sql-placement.js';
import { readSourceFiles, sourceFile, type SourceFile } from './architecture/source-files.js';

type Rule = (files: SourceFile[]) => string[];

const lines = (count: number): string => 'x();\n'.repeat(count);
const plant = (path: string, text: string): SourceFile[] => [sourceFile(path, text)];

const rules: [sentence: string, rule: Rule][] = [
  ['imports follow the arrows between rooms', reversedArrows],
  ['every source file has a room', filesWithoutRoom],
  ['pure rooms use no packages', packagesOutOfPlace],
  ['the offline verifier needs no Nest, no TypeORM and no pg', packagesReachedByStandAloneFiles],
  ['files have at most 300 lines', filesTooLong],
  ['functions have at most 70 lines', functionsTooLong],
  ['rooms have no index file', roomIndexFiles],
  ['names say what a file does', namesThatSayNothing],
  ['no banned syntax is used', bannedSyntax],
  ['no comment puts off, switches off or keeps dead code', bannedComments],
  ['the ledger is appended to in the listed files only', unlistedLedgerWriters],
  ['the ledger is never changed', ledgerChanges],
  ['SQL stands in a constant of its own', hiddenSql],
  ['a statement has one function', sharedSql],
  ['everything exported to users has a doc comment', undocumentedExports],
];

/** A rule that never fires is no rule: each is shown a violation of every kind it knows. */
const violations: { name: string; rule: Rule; planted: SourceFile[]; sentence: RegExp }[] = [
  {
    name: 'imports follow the arrows between rooms',
    rule: reversedArrows,
    planted: plant('src/token/mint.ts', `import { use } from '../session/use.js';`),
    sentence:
      /^src\/token\/mint\.ts:1 imports src\/session\/use\.ts: the arrow points from session to token, never from token to session$/,
  },
  {
    name: 'a type draws an arrow like a value',
    rule: reversedArrows,
    planted: plant('src/ledger/horizon.ts', `import type { Answer } from '../query/answer.js';`),
    sentence: /from query to ledger, never from ledger to query/,
  },
  {
    name: 'a dynamic import draws an arrow too',
    rule: reversedArrows,
    planted: plant('src/guard/session.guard.ts', `await import('../ledger/horizon.js');`),
    sentence: /guard may import token, session, and src\/ledger\/horizon\.ts is not among it/,
  },
  {
    name: 'rooms never import a door',
    rule: reversedArrows,
    planted: plant('src/http/sessions.controller.ts', `import { start } from '../main.js';`),
    sentence: /the arrow points from main to http|http may import/,
  },
  {
    name: 'the embedded PostgreSQL is for the doors only',
    rule: reversedArrows,
    planted: plant(
      'src/session-ledger.module.ts',
      `import { startEmbeddedPostgres } from './postgres/embedded-server.js';`,
    ),
    sentence: /session-ledger\.module may import rooms/,
  },
  {
    name: 'every source file has a room',
    rule: filesWithoutRoom,
    planted: plant('src/cellar/wine.ts', ''),
    sentence: /src\/cellar\/wine\.ts belongs to no room/,
  },
  {
    name: 'token is pure',
    rule: packagesOutOfPlace,
    planted: plant('src/token/mint.ts', `import pg from 'pg';`),
    sentence: /token\/ may use node:crypto alone/,
  },
  {
    name: 'the offline verifier needs no Nest, no TypeORM and no pg',
    rule: packagesReachedByStandAloneFiles,
    planted: [
      sourceFile('src/seal/verifier.ts', `import { row } from '../ledger/event.js';`),
      sourceFile('src/ledger/event.ts', `import { Injectable } from '@nestjs/common';`),
    ],
    sentence: /src\/seal\/verifier\.ts reaches @nestjs\/common/,
  },
  {
    name: 'files have at most 300 lines',
    rule: filesTooLong,
    planted: plant('src/ledger/long.ts', lines(301)),
    sentence: /has 301 lines, 300 are allowed/,
  },
  {
    name: 'functions have at most 70 lines',
    rule: functionsTooLong,
    planted: plant('src/ledger/long.ts', `function long() {\n${lines(69)}}`),
    sentence: /src\/ledger\/long\.ts:1 is a function of 71 lines/,
  },
  {
    name: 'rooms have no index file',
    rule: roomIndexFiles,
    planted: plant('src/token/index.ts', ''),
    sentence: /index file of a room/,
  },
  {
    name: 'names say what a file does',
    rule: namesThatSayNothing,
    planted: plant('src/ledger/time.utils.ts', ''),
    sentence: /named after nothing/,
  },
  {
    name: 'nothing says export *',
    rule: bannedSyntax,
    planted: plant('src/index.ts', `export * from './errors.js';`),
    sentence: /export \*/,
  },
  {
    name: 'nothing says forwardRef',
    rule: bannedSyntax,
    planted: plant('src/session/a.ts', `inject(forwardRef(() => B));`),
    sentence: /forwardRef/,
  },
  {
    name: 'nothing says any',
    rule: bannedSyntax,
    planted: plant('src/session/a.ts', `const rows = [] as any[];`),
    sentence: /says `any`/,
  },
  {
    name: 'no JavaScript clock is read outside src/clock.ts',
    rule: bannedSyntax,
    planted: plant('src/session/a.ts', `const at = Date.now();`),
    sentence: /src\/session\/a\.ts:1 reads a JavaScript clock/,
  },
  {
    name: 'no Date is built outside src/clock.ts',
    rule: bannedSyntax,
    planted: plant('src/query/a.ts', `const at = new Date(row.at);`),
    sentence: /reads a JavaScript clock/,
  },
  {
    name: 'settings are read in one place',
    rule: bannedSyntax,
    planted: plant('src/http/a.ts', `const port = process.env.PORT;`),
    sentence: /reads process\.env/,
  },
  {
    name: 'the verbs are those of the design',
    rule: bannedSyntax,
    planted: plant('src/session/a.ts', `async function deleteSession() {}`),
    sentence: /verb that the design does not know/,
  },
  {
    name: 'nothing is left for later',
    rule: bannedComments,
    planted: plant('src/session/a.ts', `x(); // TODO: later\ny();`),
    sentence: /src\/session\/a\.ts:1 leaves something for later/,
  },
  {
    name: 'the type check is never switched off',
    rule: bannedComments,
    planted: plant('test/a.spec.ts', `// @ts-ignore\ny();`),
    sentence: /switches the type check off/,
  },
  {
    name: 'no lint rule is switched off in src',
    rule: bannedComments,
    planted: plant('src/session/a.ts', `// oxlint-disable-next-line no-console\ny();`),
    sentence: /switches a rule off/,
  },
  {
    name: 'no code is commented out',
    rule: bannedComments,
    planted: plant('src/session/a.ts', `function f() {\n  // const old = read(row);\n}`),
    sentence: /src\/session\/a\.ts:2 is code that was commented out/,
  },
  {
    name: 'the ledger is appended to in the listed files only',
    rule: unlistedLedgerWriters,
    planted: plant('src/http/a.ts', 'const aSql = `insert into session_ledger.event (kind) VALUES ($1)`;'),
    sentence: /src\/http\/a\.ts inserts into session_ledger\.event/,
  },
  {
    name: 'the ledger is never changed',
    rule: ledgerChanges,
    planted: plant('src/session/use.ts', 'const aSql = `DELETE\n FROM session_ledger.event WHERE seq = 1`;'),
    sentence: /the ledger is append-only/,
  },
  {
    name: 'SQL stands in a constant of its own',
    rule: hiddenSql,
    planted: plant(
      'src/query/a.ts',
      'async function f() {\n  await db.query(`\n  SELECT ${list} FROM session_ledger.event`);\n}',
    ),
    sentence: /src\/query\/a\.ts:2 hides SQL inside code/,
  },
  {
    name: 'a statement has one function',
    rule: sharedSql,
    planted: plant(
      'src/query/a.ts',
      'const aSql = `SELECT 1`;\nfunction f() { run(aSql); }\nclass G { h() { run(() => aSql); } }',
    ),
    sentence: /src\/query\/a\.ts:1 is SQL for more than one function/,
  },
  {
    name: 'everything exported to users has a doc comment',
    rule: undocumentedExports,
    planted: [
      sourceFile('src/index.ts', `export { Sessions } from './session/sessions.js';`),
      sourceFile('src/session/sessions.ts', `export class Sessions {}`),
    ],
    sentence: /exports Sessions to the library's users without a doc comment/,
  },
];

describe('the architecture', () => {
  const files = readSourceFiles();

  it.each(rules)('keeps: %s', (_, rule) => {
    expect(rule(files)).toEqual([]);
  });
});

describe('the rules of the architecture', () => {
  it.each(violations)('fire when broken: $name', ({ rule, planted, sentence }) => {
    expect(rule(planted)).toEqual([expect.stringMatching(sentence)]);
  });

  it('leave SQL text, doc comments and the chapters of a spec out of a function count', () => {
    const sql = `const f = () => {\n${lines(60)}const aSql = \`\n${lines(40)}\`;\n};`;
    const chapter = `describe('a', () => {\n${lines(90)}});`;
    expect(functionsTooLong([...plant('src/a.ts', sql), ...plant('test/a.spec.ts', chapter)])).toEqual([]);
  });

  it('take an arrow function that words a statement for a statement', () => {
    const worded = 'const aSql = (lock: string): string => `SELECT 1 ${lock}`;\nconst run = () => query(aSql(""));';
    expect(hiddenSql(plant('src/session/a.ts', worded))).toEqual([]);
  });

  it('do not take words inside strings for comments or code', () => {
    const strings = 'const a = "// TODO"; const b = `\n// @ts-ignore\n// const old = 1;\n`; const c = /\\/\\/ HACK/;';
    expect(bannedComments(plant('src/a.ts', strings))).toEqual([]);
  });
});
