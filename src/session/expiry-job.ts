import type { DataSource } from 'typeorm';
import type { SessionLedgerError } from '../errors.js';
import { recorderId } from '../ledger/recorder.js';
import { RepeatingTask } from '../ledger/repeating-task.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { expireDue, expiryBatchSize } from './expire.js';

/** How the expiry runs. */
export interface ExpiryJobOptions {
  /** Who records the `expired` events: the instance. */
  readonly recordedBy: string;
  /** Milliseconds of rest once nothing is due; 1,000 when omitted. */
  readonly everyMs?: number;
  /** Told of each run that failed; the job goes on by itself. */
  readonly onFailure: (failure: SessionLedgerError) => void;
}

const afterFailureMs = 5_000;

/**
 * Expires sessions in the background, batch after batch until nothing is due, then rests. Every instance runs one; they
 * share the work by passing over each other's rows.
 *
 * @example
 * const job = new ExpiryJob(writer, { recordedBy: 'web-1', onFailure: (failure) => logger.error(failure.message) });
 * job.start();
 * await job.stop();
 */
export class ExpiryJob {
  private readonly task: RepeatingTask;

  constructor(
    private readonly writer: DataSource,
    private readonly options: ExpiryJobOptions,
  ) {
    this.task = new RepeatingTask({
      everyMs: options.everyMs ?? 1_000,
      afterFailureMs,
      run: (stopping) => this.expireAllDue(stopping),
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

  private async expireAllDue(stopping: AbortSignal): Promise<void> {
    const { recordedBy } = this.options;
    await recorderId(this.writer, recordedBy);
    let examined = expiryBatchSize;
    while (examined === expiryBatchSize && !stopping.aborted) {
      ({ examined } = await expireDue(this.writer, recordedBy));
    }
  }
}
