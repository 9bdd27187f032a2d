import { readFileSync } from 'node:fs';
import path from 'node:path';
import { documents, root } from './documents.js';
import { exemptBlocks, exercisedBlocks } from './exercised-blocks.js';
import { fencedBlocks } from './fenced-blocks.js';

const blocks = documents().flatMap((document) =>
  fencedBlocks(path.join(root, document)).map((block) => ({ document, ...block })),
);
type Block = (typeof blocks)[number];

const isExercised = ({ document, language, remark }: Block): boolean =>
  exercisedBlocks.some((row) => row.document === document && row.language === language && row.remark === remark);

const isExempt = ({ document, text }: Block): boolean =>
  exemptBlocks.some((row) => row.document === document && text.startsWith(row.begins));

describe('every block of every document', () => {
  it('is run, compiled or compared by a spec, or stands with a reason on the short list of those that are not', () => {
    const left = blocks.filter((block) => block.language !== 'text' && !isExercised(block) && !isExempt(block));
    expect(
      left.map(
        ({ document, line, language, remark }) =>
          `${document}:${line}: nothing exercises this block (${[language, remark].filter(Boolean).join(' ')}): give it to a spec in test/docs/exercised-blocks.ts`,
      ),
    ).toEqual([]);
  });

  it('says in which language it is; what is no language says text', () => {
    expect(blocks.filter(({ language }) => language === '').map(({ document, line }) => `${document}:${line}`)).toEqual(
      [],
    );
  });

  it('is there, when the lists speak of it', () => {
    const gone = [
      ...exercisedBlocks.filter(
        (row) =>
          !blocks.some(
            (block) =>
              block.document === row.document && block.language === row.language && block.remark === row.remark,
          ),
      ),
      ...exemptBlocks.filter(
        (row) => !blocks.some((block) => block.document === row.document && block.text.startsWith(row.begins)),
      ),
    ];
    expect(gone).toEqual([]);
  });

  it('is asked for by the spec that has undertaken to exercise it', () => {
    const forgotten = exercisedBlocks.filter(
      ({ spec, document }) =>
        !readFileSync(path.join(root, spec), 'utf8').includes(`blocksFor('${spec}', '${document}')`),
    );
    expect(forgotten).toEqual([]);
  });
});
