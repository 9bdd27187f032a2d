/**
 * Works on a stream with several items under way at once, and hands the results on in the order of the items. No more
 * is read than is under way, so a slow reader slows the source down.
 *
 * @example
 * for await (const answers of inOrder(chunks, answerChunk, 2)) write(answers);
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item>,
  work: (item: Item) => Promise<Result>,
  atOnce: number,
): AsyncGenerator<Result, void, undefined> {
  const underWay: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // Its failure is met when its turn comes; until then it must not count as a rejection that nobody handles.
      result.catch(() => undefined);
      underWay.push(result);
      if (underWay.length >= atOnce) yield await underWay.shift()!;
    }
    for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) yield await next;
  } finally {
    // Whoever goes on after this, or gives up, finds no statement still running.
    await Promise.allSettled(underWay);
  }
}

/**
 * Gathers items into chunks of at most `most` items, or as soon as their weights reach `heaviest`.
 *
 * @param weightOf what an item takes up, in a unit of the caller's.
 */
export async function* inChunks<Item>(
  items: AsyncIterable<Item>,
  most: number,
  heaviest: number,
  weightOf: (item: Item) => number,
): AsyncGenerator<Item[], void, undefined> {
  let chunk: Item[] = [];
  let weight = 0;
  for await (const item of items) {
    chunk.push(item);
    weight += weightOf(item);
    if (chunk.length < most && weight < heaviest) continue;
    yield chunk;
    chunk = [];
    weight = 0;
  }
  if (chunk.length > 0) yield chunk;
}
