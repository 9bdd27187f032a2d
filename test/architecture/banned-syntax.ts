import ts from 'typescript';
import { placeOf, walk, type SourceFile } from './source-files.js';

interface SyntaxRule {
  in: (path: string) => boolean;
  breaks: (node: ts.Node) => boolean;
  sentence: string;
}

const isOurs = (path: string): boolean => path.startsWith('src/') || path.startsWith('migrations/');
const isOutside = (files: string[]) => (path: string) => path.startsWith('src/') && !files.includes(path);

const rules: SyntaxRule[] = [
  {
    in: () => true,
    breaks: (node) => ts.isExportDeclaration(node) && (!node.exportClause || ts.isNamespaceExport(node.exportClause)),
    sentence: 'says `export *`: every export is named by hand',
  },
  {
    in: () => true,
    breaks: (node) => ts.isIdentifier(node) && node.text === 'forwardRef',
    sentence: 'says `forwardRef`: two classes that need each other are one, or need a third',
  },
  {
    in: () => true,
    breaks: (node) => node.kind === ts.SyntaxKind.AnyKeyword,
    sentence: 'says `any`: name the type, or `unknown` and narrow it',
  },
  {
    in: isOutside(['src/clock.ts']),
    breaks: (node) => isDateConstruction(node) || isMemberOf(node, 'Date', 'now'),
    sentence:
      "reads a JavaScript clock: the database's clock is the only one, everything else goes through src/clock.ts",
  },
  {
    // server-environment.ts reads no setting: it hands PostgreSQL the PATH and withholds the rest.
    in: isOutside(['src/main.ts', 'src/cli.ts', 'src/environment.ts', 'src/postgres/server-environment.ts']),
    breaks: (node) => isMemberOf(node, 'process', 'env'),
    sentence: 'reads process.env: settings are read and validated in src/environment.ts',
  },
  {
    in: isOurs,
    breaks: (node) =>
      ts.isIdentifier(node) &&
      /^((delete|kill|destroy)Sessions?|(delete|kill|destroy)_sessions?|touch([A-Z_]\w*)?)$/.test(node.text),
    sentence: 'has a verb that the design does not know: sessions are opened, used, renewed and revoked, and expire',
  },
];

/** Every place where one of the rules on syntax is broken, each as a sentence. */
export function bannedSyntax(files: SourceFile[]): string[] {
  return files.flatMap((file) => {
    const applicable = rules.filter((rule) => rule.in(file.path));
    const found: string[] = [];
    walk(file.tree, (node) => {
      for (const rule of applicable) {
        if (rule.breaks(node)) found.push(`${placeOf(file, node)} ${rule.sentence}`);
      }
    });
    return found;
  });
}

function isDateConstruction(node: ts.Node): boolean {
  if (!ts.isNewExpression(node) && !ts.isCallExpression(node)) return false;
  return ts.isIdentifier(node.expression) && node.expression.text === 'Date';
}

function isMemberOf(node: ts.Node, owner: string, member: string): boolean {
  if (!ts.isPropertyAccessExpression(node)) return false;
  return ts.isIdentifier(node.expression) && node.expression.text === owner && node.name.text === member;
}
