import type { Checkpoint } from './checkpoint.js';

/** Checkpoints by rising size: those that a log lists, which may be many, and those at hand. */
export class CheckpointsBySize {
  /** The one that comes next; undefined behind the last. */
  current: Checkpoint | undefined;
  private readonly atHand: Checkpoint[];
  private nextListed: Checkpoint | undefined;

  constructor(
    private readonly listed: AsyncIterator<Checkpoint>,
    atHand: readonly Checkpoint[],
  ) {
    this.atHand = atHand.filter(({ size }) => size > 0).sort((a, b) => a.size - b.size);
  }

  async advance(): Promise<void> {
    // One of size 0 says nothing about any event.
    while (this.nextListed === undefined || this.nextListed.size === 0) {
      const { value, done } = await this.listed.next();
      if (done === true) break;
      this.nextListed = value;
    }
    const [mine] = this.atHand;
    if (this.nextListed === undefined || (mine !== undefined && mine.size < this.nextListed.size)) {
      this.current = this.atHand.shift();
    } else {
      this.current = this.nextListed;
      this.nextListed = undefined;
    }
  }
}
