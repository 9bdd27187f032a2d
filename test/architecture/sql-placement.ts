import ts from 'typescript';
import { placeOf, walk, type SourceFile } from './source-files.js';

const statement = /^\s*(--[^\n]*\n\s*)*(WITH|SELECT|INSERT|UPDATE|DELETE|CALL)\s/;

/** SQL that is not in a `const ...Sql` of its file, where a reader looks for it. */
export function hiddenSql(files: SourceFile[]): string[] {
  return sources(files).flatMap((file) => {
    const found: string[] = [];
    walk(file.tree, (node) => {
      const isText = ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
      if (isText && statement.test(node.getText(file.tree).slice(1)) && !isNamedSql(node)) {
        found.push(
          `${placeOf(file, node)} hides SQL inside code: make it a const ...Sql above the function that runs it`,
        );
      }
    });
    return found;
  });
}

/** Statements that two functions run, or that leave their file: the reader of the SQL no longer sees what it is for. */
export function sharedSql(files: SourceFile[]): string[] {
  return sources(files).flatMap((file) =>
    file.tree.statements.flatMap((node) => {
      if (!ts.isVariableStatement(node)) return [];
      return node.declarationList.declarations
        .filter((declaration) => declaration.name.getText(file.tree).endsWith('Sql'))
        .filter((declaration) => isExported(node) || runnersOf(declaration, file).size > 1)
        .map(
          (declaration) =>
            `${placeOf(file, declaration)} is SQL for more than one function: one statement, one function`,
        );
    }),
  );
}

function sources(files: SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => path.startsWith('src/'));
}

/** The text itself, or what an arrow function makes of a few words: `const aSql = (lock: string) => ...`. */
function isNamedSql(node: ts.Node): boolean {
  let parent = node.parent;
  while (ts.isParenthesizedExpression(parent) || ts.isArrowFunction(parent)) parent = parent.parent;
  return ts.isVariableDeclaration(parent) && parent.name.getText().endsWith('Sql');
}

function isExported(node: ts.VariableStatement): boolean {
  return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

/** The named functions and methods that mention the constant; closures count for the one they stand in. */
function runnersOf(declaration: ts.VariableDeclaration, file: SourceFile): Set<ts.Node> {
  const name = declaration.name.getText(file.tree);
  const runners = new Set<ts.Node>();
  walk(file.tree, (node) => {
    if (!ts.isIdentifier(node) || node.text !== name || node.parent === declaration) return;
    const runner = outermostFunctionAround(node);
    if (runner) runners.add(runner);
  });
  return runners;
}

function outermostFunctionAround(node: ts.Node): ts.Node | undefined {
  let outermost: ts.Node | undefined;
  for (let at = node.parent; !ts.isSourceFile(at); at = at.parent) if (ts.isFunctionLike(at)) outermost = at;
  return outermost;
}
