import { performance } from 'node:perf_hooks';
import { mapWithPauses } from '../../src/query/paused-map.js';

/** Keeps the process from everything else for so long. */
function compute(milliseconds: number): void {
  const since = performance.now();
  while (performance.now() - since < milliseconds);
}

describe('a long computation on many rows', () => {
  it('lets the rest of the process have its turn, and keeps the order', async () => {
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 1);
    const results = await mapWithPauses([1, 2, 3, 4, 5], (row) => {
      compute(12);
      return row * 10;
    });
    clearInterval(ticking);
    expect(results).toEqual([10, 20, 30, 40, 50]);
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});
