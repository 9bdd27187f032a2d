import type { ClientBase } from 'pg';

const blockSize = 1000n;
const nextBlockSql = `SELECT nextval('session_ledger.client_id_block') AS first`;

/** Hands out client ids from blocks of 1,000, so that a new client costs no round trip of its own. Unused ids of a block are lost, harmlessly. */
export class ClientIds {
  private next = 0n;
  private end = 0n;

  /** So many ids; asks the database when what is left of the last block is not enough. */
  async take(client: ClientBase, count: number, answerWithinMs: number): Promise<string[]> {
    const ids: string[] = [];
    this.takeFromBlock(ids, count);
    while (ids.length < count) {
      const query = { text: nextBlockSql, query_timeout: answerWithinMs };
      const { rows } = await client.query<{ first: string }>(query);
      // What another batch has left of its block is given up for this one's.
      this.next = BigInt(rows[0]!.first);
      this.end = this.next + blockSize;
      this.takeFromBlock(ids, count);
    }
    return ids;
  }

  /** Never waits, so that no other batch takes the same ones in between. */
  private takeFromBlock(ids: string[], count: number): void {
    while (ids.length < count && this.next < this.end) ids.push(String(this.next++));
  }
}
