import { Counter } from 'prom-client';
import type { DataSource } from 'typeorm';
import { sealLag } from '../seal/checkpoint-lag.js';
import { hearOfBrokenSeals } from '../seal/proof-broken.js';
import type { SealObserver, SealWork } from '../seal/seal-observer.js';
import type { ServiceMetrics } from './service-metrics.js';

/** What an operator watches of the seals. */
export class SealMetrics implements SealObserver {
  private readonly failures: Counter<'work' | 'code'>;
  private readonly faults: Counter;
  private readonly late: Counter;
  private readonly broken: Counter;

  constructor(private readonly metrics: ServiceMetrics) {
    const registers = [metrics.registry];
    this.failures = new Counter({
      name: 'session_ledger_seal_failures_total',
      help: 'Times that sealing, publishing, time stamps, cosignatures or the audit were not done, by work and error code',
      labelNames: ['work', 'code'],
      registers,
    });
    this.faults = new Counter({
      name: 'session_ledger_audit_faults_total',
      help: 'Contradictions between rows, users and addresses, stored hashes and signed checkpoints that the auditor met; each again in every round',
      registers,
    });
    this.late = new Counter({
      name: 'session_ledger_late_rows_total',
      help: 'Events found below sealed ones that were never sealed; each again in every round',
      registers,
    });
    this.broken = new Counter({
      name: 'session_ledger_broken_seals_total',
      help: 'Answers that rested on events which are no longer what was sealed, and were given as unknown',
      registers,
    });
  }

  /** Counts answers with broken seals too, until what this returns is called. */
  followAnswers(): () => void {
    return hearOfBrokenSeals(() => this.broken.inc());
  }

  /** Adds what is read out of the database at each scrape, whoever seals. */
  follow(database: DataSource): void {
    this.metrics.gauge(
      'seal_lag_seconds',
      'Seconds since the oldest event that is not sealed was recorded',
      async () => {
        return (await sealLag(database)).lagSeconds;
      },
    );
    this.metrics.gauge('sealed_events', 'Events under the newest head of the tree', async () => {
      return (await sealLag(database)).sealedSize;
    });
    this.metrics.gauge('published_events', 'Events under the newest checkpoint that was published', async () => {
      return (await sealLag(database)).publishedSize;
    });
  }

  /** Adds how far the auditor of this instance has come. */
  followAudit(position: () => { leaves: number; size: number; rounds: number }): void {
    this.metrics.gauge('audited_events', 'Sealed events re-read in this round of the auditor', () => position().leaves);
    this.metrics.gauge('audit_size', 'Sealed events of this round of the auditor', () => position().size);
    this.metrics.gauge(
      'audit_rounds',
      'Rounds that auditors with this data directory have finished',
      () => position().rounds,
    );
  }

  sealWorkFailed(work: SealWork, code: string): void {
    this.failures.inc({ work, code });
  }

  auditFoundFaults(count: number): void {
    this.faults.inc(count);
  }

  lateRowsFound(count: number): void {
    this.late.inc(count);
  }
}
