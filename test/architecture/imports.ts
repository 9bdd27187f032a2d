import path from 'node:path';
import ts from 'typescript';
import { placeOf, walk, type SourceFile } from './source-files.js';

/** One import, re-export or dynamic import. `target` is a path from the root for our own files, else the package's name. */
export interface Import {
  place: string;
  target: string;
  isOwn: boolean;
}

/** Every module that a file names, types included: an arrow drawn by a type is an arrow. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  walk(file.tree, (node) => {
    const specifier = specifierOf(node);
    if (specifier === undefined) return;
    const isOwn = specifier.startsWith('.');
    const target = isOwn ? path.posix.join(path.posix.dirname(file.path), specifier) : specifier;
    found.push({ place: placeOf(file, node), target: target.replace(/\.js$/, '.ts'), isOwn });
  });
  return found;
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return textOf(node.argument.literal);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return textOf(node.arguments[0]);
  return undefined;
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node && ts.isStringLiteralLike(node) ? node.text : undefined;
}
