import path from 'node:path';
import ts from 'typescript';
import type { SourceFile } from './source-files.js';

/** Names exported by src/index.ts whose declaration has no doc comment. */
export function undocumentedExports(files: SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const door = byPath.get('src/index.ts');
  if (door === undefined) return [];
  return reExportsOf(door).flatMap(({ name, from }) => {
    const declared = declarationOf(name, from, byPath);
    if (declared === undefined) return [`src/index.ts exports ${name}, which ${from} does not declare`];
    return isDocumented(declared.node)
      ? []
      : [`${declared.path} exports ${name} to the library's users without a doc comment`];
  });
}

interface ReExport {
  name: string;
  from: string;
}

function reExportsOf(file: SourceFile): ReExport[] {
  return file.tree.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || !statement.exportClause || !ts.isNamedExports(statement.exportClause))
      return [];
    const specifier = statement.moduleSpecifier;
    if (!specifier || !ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')) return [];
    const from = path.posix.join(path.posix.dirname(file.path), specifier.text).replace(/\.js$/, '.ts');
    return statement.exportClause.elements.map((element) => ({
      name: (element.propertyName ?? element.name).text,
      from,
    }));
  });
}

interface Declared {
  path: string;
  node: ts.Node;
}

function declarationOf(name: string, from: string, byPath: Map<string, SourceFile>): Declared | undefined {
  const file = byPath.get(from);
  if (file === undefined) return undefined;
  const node = file.tree.statements.find((statement) => declares(statement, name));
  if (node) return { path: from, node };
  const onward = reExportsOf(file).find((reExport) => reExport.name === name);
  return onward && declarationOf(onward.name, onward.from, byPath);
}

function declares(statement: ts.Statement, name: string): boolean {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.some((declaration) => declaration.name.getText() === name);
  }
  const named =
    ts.isClassDeclaration(statement) ||
    ts.isFunctionDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement);
  return named && statement.name?.text === name;
}

function isDocumented(node: ts.Node): boolean {
  return ts.getJSDocCommentsAndTags(node).some((comment) => ts.isJSDoc(comment));
}
