import ts from 'typescript';
import { placeOf, walk, type SourceFile } from './source-files.js';

const longestFunction = 70;
const longestFile = 300;

/** Files of more than 300 lines, SQL and comments included: such a file answers more than one question. */
export function filesTooLong(files: SourceFile[]): string[] {
  return files
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > longestFile)
    .map(({ path, lines }) => `${path} has ${lines} lines, ${longestFile} are allowed`);
}

/** Functions of more than 70 lines. Template text (SQL) and doc comments are not counted: they are read, not followed. */
export function functionsTooLong(files: SourceFile[]): string[] {
  return files.flatMap((file) => {
    const found: string[] = [];
    walk(file.tree, (node) => {
      if (!ts.isFunctionLike(node) || groupsTests(node)) return;
      const lines = countedLines(file, node);
      if (lines > longestFunction) {
        found.push(`${placeOf(file, node)} is a function of ${lines} lines, ${longestFunction} are allowed`);
      }
    });
    return found;
  });
}

/** The callback of `describe` is a chapter, not a function: its tests are counted one by one. */
function groupsTests(node: ts.Node): boolean {
  return ts.isCallExpression(node.parent) && node.parent.expression.getText().startsWith('describe');
}

function countedLines(file: SourceFile, node: ts.Node): number {
  const lineOf = (position: number): number => file.tree.getLineAndCharacterOfPosition(position).line;
  const uncounted = new Set<number>();
  const leaveOut = (from: number, to: number): void => {
    for (let line = lineOf(from) + 1; line <= lineOf(to); line += 1) uncounted.add(line);
  };
  walk(node, (child) => {
    if (ts.isTemplateExpression(child) || ts.isNoSubstitutionTemplateLiteral(child)) {
      leaveOut(child.getStart(file.tree), child.getEnd());
    }
    for (const comment of child === node ? [] : ts.getJSDocCommentsAndTags(child))
      leaveOut(comment.pos - 1, comment.end);
  });
  return lineOf(node.getEnd()) - lineOf(node.getStart(file.tree)) + 1 - uncounted.size;
}
