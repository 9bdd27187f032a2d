import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { documents, root } from './documents.js';

/** Written by `npm run bench`, when it ran in full. */
const measured = path.join('bench', 'RESULTS.md');

describe('the links between the documents', () => {
  const links = documents().flatMap((document) =>
    targetsOf(proseOf(document)).map((target) => ({ document, target, ...resolved(document, target) })),
  );

  it('lead to files and folders that are there', () => {
    expect(links.length).toBeGreaterThan(50);
    const dead = links.filter(({ file }) => file !== measured && !existsSync(path.join(root, file)));
    expect(dead.map(({ document, target }) => `${document} -> ${target}`)).toEqual([]);
  });

  it('lead to headings that are there', () => {
    const dead = links.filter(
      ({ file, anchor }) => anchor !== '' && file.endsWith('.md') && !anchorsOf(file).includes(anchor),
    );
    expect(dead.map(({ document, target }) => `${document} -> ${target}`)).toEqual([]);
  });
});

/** A document without its blocks: what begins with # there is a comment. */
function proseOf(document: string): string {
  return readFileSync(path.join(root, document), 'utf8').replaceAll(/^ *```.*?^ *```$/gms, '');
}

/** Where links lead that stay in this checkout; what looks like one in inline code is none. */
function targetsOf(prose: string): string[] {
  const targets = [...prose.replaceAll(/`[^`\n]+`(?!\]\()/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, target = '']) => target,
  );
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

function resolved(document: string, target: string): { file: string; anchor: string } {
  const [file = '', anchor = ''] = target.split('#');
  return { file: file === '' ? document : path.join(path.dirname(document), file), anchor };
}

/** The anchors that GitHub makes of headings: lower case, no punctuation, hyphens for spaces. */
function anchorsOf(document: string): string[] {
  const headings = proseOf(document).matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
