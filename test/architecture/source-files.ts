import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** One file as the rules see it: `path` from the repository's root with forward slashes, and its syntax tree. */
export interface SourceFile {
  path: string;
  text: string;
  tree: ts.SourceFile;
}

const root = path.resolve(import.meta.dirname, '..', '..');
const folders = ['src', 'migrations', 'test', 'scripts', 'bench', 'examples'];
const extensions = /\.(ts|tsx|mjs|cjs)$/;
const notOurs = /\/(node_modules|dist)\//;

/** Every source file of the repository that a person wrote. */
export function readSourceFiles(): SourceFile[] {
  return folders
    .flatMap((folder) => filesBelow(folder))
    .filter((file) => extensions.test(file) && !notOurs.test(file))
    .map((file) => sourceFile(file, readFileSync(path.join(root, file), 'utf8')));
}

/** A file given as text: the shape in which a rule's own test plants a violation. */
export function sourceFile(filePath: string, text: string): SourceFile {
  return { path: filePath, text, tree: ts.createSourceFile(filePath, text, ts.ScriptTarget.ES2023, true) };
}

/** Calls `visit` with every node of the tree, outermost first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** `path:line` of a node, for the sentence that names a violation. */
export function placeOf(file: SourceFile, node: ts.Node): string {
  return `${file.path}:${file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1}`;
}

function filesBelow(folder: string): string[] {
  const start = path.join(root, folder);
  if (!existsSync(start)) return [];
  return readdirSync(start, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'));
}
