import type { SealedAnswer } from '../query/compared-page.js';

/** A list as it is asked for page by page. */
export interface Paged<Item> extends SealedAnswer {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** Every item of a list, through all of its pages: the first answer with the items of all of them, sealed when all of them are. */
export async function everyPage<Item, Page extends Paged<Item>>(
  ask: (after: string | undefined) => Promise<Page>,
): Promise<Page> {
  const pages = [await ask(undefined)];
  for (let next = pages[0]!.next; next !== null; next = pages.at(-1)!.next) pages.push(await ask(next));
  const sealed = pages.every((page) => page.sealed);
  return {
    ...pages[0]!,
    items: pages.flatMap(({ items }) => items),
    next: null,
    contradicting: [...new Set(pages.flatMap(({ contradicting }) => contradicting))].sort((a, b) => a - b),
    sealed,
    checkpoint: sealed ? pages.at(-1)!.checkpoint : null,
  };
}
