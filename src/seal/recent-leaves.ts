/** Leaves kept at most: a few seconds of a busy ledger, some 15 MB. */
const mostLeaves = 32_768;

interface Stretch {
  readonly first: number;
  readonly leaves: readonly string[];
}

/**
 * The leaves that were sealed last, as text. Publishing takes them from here: read out of their rows once more, each event was measured to cost
 * the sealer twice.
 */
export class RecentLeaves {
  private stretches: Stretch[] = [];
  private count = 0;

  /** Adds the leaves from index `first` on, which follow those added before. */
  add(first: number, leaves: readonly string[]): void {
    this.stretches.push({ first, leaves });
    this.count += leaves.length;
    while (this.count > mostLeaves) this.count -= this.stretches.shift()!.leaves.length;
  }

  /** The leaves `first` to `end`, the last one excluded; undefined where not all of them are kept. */
  between(first: number, end: number): Buffer[] | undefined {
    const found = this.stretches.flatMap((stretch) =>
      stretch.leaves.slice(Math.max(first - stretch.first, 0), Math.max(end - stretch.first, 0)),
    );
    return found.length === end - first ? found.map((leaf) => Buffer.from(leaf)) : undefined;
  }
}
