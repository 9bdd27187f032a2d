import { readFileSync } from 'node:fs';

/** A fenced block of a document: its language, what stands behind it (`run`), its text, and where it begins. */
export interface FencedBlock {
  readonly language: string;
  readonly remark: string;
  readonly text: string;
  readonly line: number;
}

const fence = /^(?<indent> *)(?<marks>`{3,}|~{3,})(?<language>\S*) *(?<remark>.*)$/;

/** The fenced blocks of a Markdown file, in order; those within a list lose its indentation. */
export function fencedBlocks(file: string): FencedBlock[] {
  const blocks: FencedBlock[] = [];
  const lines = readFileSync(file, 'utf8').split('\n');
  for (let line = 0; line < lines.length; line += 1) {
    const { indent = '', marks = '', language = '', remark = '' } = fence.exec(lines[line] ?? '')?.groups ?? {};
    if (marks === '') continue;
    const begins = line + 1;
    const end = lines.findIndex((text, at) => at >= begins && text.trim() === marks);
    if (end === -1) throw new Error(`${file}:${begins} opens a block that nothing closes`);
    const text = lines.slice(begins, end).map((inside) => `${inside.slice(indent.length)}\n`);
    blocks.push({ language, remark, text: text.join(''), line: begins });
    line = end;
  }
  return blocks;
}
