import { performance } from 'node:perf_hooks';
import { setImmediate as others } from 'node:timers/promises';

/** As long as this may nothing else of the process wait: a use of a session is among what does. */
const longestMilliseconds = 10;

/**
 * What `work` makes of each item, in their order, with pauses in which the rest of the process gets its turn.
 *
 * @example
 * const questions = await mapWithPauses(rows, questionOf);
 */
export async function mapWithPauses<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  let since = performance.now();
  for (const item of items) {
    results.push(work(item));
    if (performance.now() - since < longestMilliseconds) continue;
    await others();
    since = performance.now();
  }
  return results;
}
