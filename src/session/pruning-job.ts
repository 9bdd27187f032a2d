import type { DataSource } from 'typeorm';
import type { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { RepeatingTask } from '../ledger/repeating-task.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { inLedgerTerms } from './ledger-terms.js';

/** How the pruning runs. */
export interface PruningJobOptions {
  /** Milliseconds between two batches; 10,000 when omitted, which is 8.6 million sessions a day from each instance. */
  readonly everyMs?: number;
  /** Told of each run that failed; the job goes on by itself. */
  readonly onFailure: (failure: SessionLedgerError) => void;
}

const sessionsAtOnce = 1_000;
const everyMs = 10_000;
const afterFailureMs = 60_000;

/**
 * Removes the rows of sessions that ended more than 30 days ago, a batch at a time and with a rest after each: nothing
 * waits for it, so it takes no more of the database than that. The ledger keeps their events, and answers do not change.
 *
 * @example
 * const job = new PruningJob(writer, { onFailure: (failure) => logger.error(failure.message) });
 * job.start();
 * await job.stop();
 */
export class PruningJob {
  private readonly task: RepeatingTask;

  constructor(writer: DataSource, options: PruningJobOptions) {
    this.task = new RepeatingTask({
      everyMs: options.everyMs ?? everyMs,
      afterFailureMs,
      run: async () => void (await pruneEnded(writer)),
      onFailure: (failure) => options.onFailure(toSessionLedgerError(failure)),
    });
  }

  start(): void {
    this.task.start();
  }

  /** Resolves when the batch under way has committed. */
  async stop(): Promise<void> {
    await this.task.stop();
  }
}

const pruneEndedSql = `
SELECT session_ledger.prune_sessions($1) AS pruned`;

/**
 * Removes one batch of rows, those of the sessions that ended longest ago first.
 *
 * @param limit sessions at most.
 * @returns how many rows were removed.
 */
export async function pruneEnded(executor: Executor, limit = sessionsAtOnce): Promise<number> {
  const statement = { name: 'session_ledger_prune_v1', text: pruneEndedSql, values: [limit] };
  const [row] = await inLedgerTerms(() => queryRows<{ pruned: number }>(executor, statement));
  return row?.pruned ?? 0;
}
