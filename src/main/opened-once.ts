import type { DataSource } from 'typeorm';

/**
 * A pool that is opened by whoever needs it first. Those who come while it is being opened wait for the same pool: opened
 * twice, one of the two would be closed by nobody. Where it cannot be opened, the next one tries again.
 */
export class OpenedOnce {
  private opening: Promise<DataSource> | undefined;

  constructor(private readonly pool: DataSource) {}

  open(): Promise<DataSource> {
    return (this.opening ??= this.pool.initialize().catch((failure: unknown) => {
      this.opening = undefined;
      throw failure;
    }));
  }

  /** Also when it is just being opened. */
  async close(): Promise<void> {
    // Whoever opened it has heard of a failure, and what is not open needs no closing.
    await this.opening?.catch(() => undefined);
    if (this.pool.isInitialized) await this.pool.destroy();
  }
}
