import type { Client, ClientBase } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';

/** A pool's connection as a raw client, which is what named prepared statements need. */
export interface LentConnection {
  readonly client: ClientBase;
  readonly runner: QueryRunner;
}

/** Lends the writer pool's connections to whoever records uses. Their pins are the data source's business. */
export class WriterConnections {
  constructor(private readonly dataSource: DataSource) {}

  async lend(): Promise<LentConnection> {
    const runner = this.dataSource.createQueryRunner();
    try {
      return { client: (await runner.connect()) as ClientBase, runner };
    } catch (error) {
      await this.takeBack(runner);
      throw error;
    }
  }

  /** Gives a connection back to the pool. A failure to do so is the pool's to notice: it opens another. */
  async takeBack(runner: QueryRunner): Promise<void> {
    await runner.release().catch(() => undefined);
  }

  /** Ends a connection whose state is unknown, so that the pool drops it when it is given back. Waits for no farewell. */
  discard(client: ClientBase): void {
    void (client as Client).end().catch(() => undefined);
  }
}
