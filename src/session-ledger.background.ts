import { Logger } from '@nestjs/common';
import type { SessionLedgerError } from './errors.js';
import { inFull } from './ledger/failure-in-full.js';
import { HorizonFence } from './ledger/horizon.js';
import { PartitionKeeper } from './ledger/partition-keeper.js';
import { ExpiryJob } from './session/expiry-job.js';
import { PruningJob } from './session/pruning-job.js';
import type { LedgerConnections } from './session-ledger.connections.js';
import type { ResolvedOptions } from './session-ledger.options.js';

interface BackgroundTask {
  start(): void;
  stop(): Promise<void>;
}

/** The work that any instance does beside the requests; the database lets one do each at a time. */
export class BackgroundWork {
  private readonly logger = new Logger('SessionLedger');
  private readonly tasks: readonly BackgroundTask[];

  constructor({ url, rolePrefix, sessions }: ResolvedOptions, { writer, role, known }: LedgerConnections) {
    this.tasks = [
      new HorizonFence({
        url,
        role,
        rolePrefix,
        onHorizon: (horizon) => known.saw(horizon),
        onFailure: this.report('raise the horizon'),
      }),
      new PartitionKeeper(writer, { onFailure: this.report('make partitions') }),
      new ExpiryJob(writer, { recordedBy: sessions.instance, onFailure: this.report('expire sessions') }),
      new PruningJob(writer, { onFailure: this.report('remove the rows of sessions that ended long ago') }),
    ];
  }

  start(): void {
    for (const task of this.tasks) task.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.tasks.map((task) => task.stop()));
  }

  private report(what: string): (failure: SessionLedgerError) => void {
    return (failure) => this.logger.error(`could not ${what} (${failure.code}: ${inFull(failure)}); trying again`);
  }
}
