import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from './named-query.js';
import { RepeatingTask } from './repeating-task.js';
import { toSessionLedgerError } from './sqlstate.js';

const monthsAhead = 3;
const hourMs = 3_600_000;
const afterFailureMs = 60_000;

/** Makes partitions months ahead, at start and every hour. Every instance does; the database lets one at a time. */
export class PartitionKeeper {
  readonly #task: RepeatingTask;

  constructor(writer: DataSource, options: { onFailure: (failure: SessionLedgerError) => void }) {
    this.#task = new RepeatingTask({
      everyMs: hourMs,
      afterFailureMs,
      run: async () => void (await ensurePartitions(writer)),
      onFailure: (failure) => options.onFailure(toSessionLedgerError(failure)),
    });
  }

  start(): void {
    this.#task.start();
  }

  /** Resolves when a run under way has ended. */
  async stop(): Promise<void> {
    await this.#task.stop();
  }
}

const ensurePartitionsSql = `
SELECT session_ledger.ensure_partitions($1) AS made`;

const lockNotAvailable = '55P03';
const tries = 10;
const pauseMs = 500;

/**
 * Makes the ledger's monthly partitions: this month's and the three after it, and promotes a DEFAULT partition
 * that caught rows. Attaching a partition waits for open readers of the ledger, half a second at most, so that new readers
 * never queue behind it for longer; then it is tried again, ten times in all.
 *
 * @returns how many partitions were made; 0 when all were there.
 * @throws pg's 55P03 when the ledger was locked all the time: nothing is lost, rows go to the DEFAULT partition.
 * @example
 * await ensurePartitions(dataSource);
 */
export async function ensurePartitions(executor: Executor): Promise<number> {
  for (let tried = 1; ; tried += 1) {
    try {
      const statement = { name: 'ensure_partitions', text: ensurePartitionsSql, values: [monthsAhead] };
      return (await queryRows<{ made: number }>(executor, statement))[0]!.made;
    } catch (failure) {
      const isLocked = failure instanceof Error && 'code' in failure && failure.code === lockNotAvailable;
      if (!isLocked || tried === tries) throw failure;
      await sleep(pauseMs);
    }
  }
}
