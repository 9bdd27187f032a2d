import ts from 'typescript';
import type { SourceFile } from './source-files.js';

const leftForLater = /\b(TODO|FIXME|XXX|HACK)\b/;
const typesSwitchedOff = /@ts-(ignore|nocheck)\b/;
const rulesSwitchedOff = /\b(eslint|oxlint)-disable|@ts-expect-error\b/;
const code = /^\/\/\s*((const|let|import|export|return|await|throw)\s.*[;{]|(if|for|while) \(.*[;{]|\}|\w+\(.*\);)$/;

/** Comments that put something off, switch a check off, or keep code that no longer runs. */
export function bannedComments(files: SourceFile[]): string[] {
  return files.flatMap((file) =>
    commentsOf(file).flatMap(({ line, text }) =>
      faultsOf(file.path, text).map((fault) => `${file.path}:${line} ${fault}`),
    ),
  );
}

function faultsOf(path: string, comment: string): string[] {
  const faults: string[] = [];
  if (leftForLater.test(comment)) faults.push('leaves something for later: do it, or write an issue');
  if (typesSwitchedOff.test(comment)) faults.push('switches the type check off');
  if (path.startsWith('src/') && rulesSwitchedOff.test(comment)) faults.push('switches a rule off inside src/');
  if (code.test(comment)) faults.push('is code that was commented out: git remembers it');
  return faults;
}

/** The scanner yields comments alone: a word inside a string or a regular expression is not a comment. */
function commentsOf(file: SourceFile): { line: number; text: string }[] {
  const found = new Map<number, string>();
  const collect = (node: ts.Node): void => {
    const ranges = [
      ...(ts.getLeadingCommentRanges(file.text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(file.text, node.getEnd()) ?? []),
    ];
    for (const { pos, end } of ranges) found.set(pos, file.text.slice(pos, end));
    for (const child of node.getChildren(file.tree)) if (!ts.isTemplateLiteralToken(node)) collect(child);
  };
  collect(file.tree);
  return [...found].map(([pos, text]) => ({ line: file.tree.getLineAndCharacterOfPosition(pos).line + 1, text }));
}
