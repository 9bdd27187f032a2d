import type { Client, ClientBase } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';

/** A pool's connection as a raw client, which is what named prepared statements need. */
export interface LentConnection {
  readonly client: ClientBase;
  readonly runner: QueryRunner;
}

// A prepared plan outlives the tables it was made for: planned while they are empty, it scans them whole, batch after batch,
// until the first autovacuum has looked at them. No part of the statement ever wants a scan.
const byIndexSql = 'SET enable_seqscan = off';

/** Lends the writer pool's connections to whoever records uses. Their pins are the data source's business. */
export class WriterConnections {
  private readonly prepared = new WeakSet<ClientBase>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly answerWithinMs: number,
  ) {}

  async lend(): Promise<LentConnection> {
    const runner = this.dataSource.createQueryRunner();
    try {
      const client = (await runner.connect()) as ClientBase;
      if (!this.prepared.has(client)) {
        const query = { text: byIndexSql, query_timeout: this.answerWithinMs };
        await client.query(query);
        this.prepared.add(client);
      }
      return { client, runner };
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
