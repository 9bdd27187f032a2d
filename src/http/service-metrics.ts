import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { PatientReading } from './patient-reading.js';
import type { RefusalReason } from '../session/use-result.js';
import type { UseObserver } from '../session/use-observer.js';

const batchSizes = [1, 2, 5, 10, 20, 50, 100, 200];
const commitSeconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/**
 * What an operator watches, in a registry of this instance's own. No label holds a user, a session or a token: labels
 * end in systems with other rules of access, and each new value is a new series.
 */
export class ServiceMetrics implements UseObserver {
  readonly registry = new Registry();
  private readonly accepted: Counter;
  private readonly refused: Counter<'why'>;
  private readonly notRecorded: Counter<'code'>;
  private readonly wrongSecrets: Counter;
  private readonly batchEntries: Histogram;
  private readonly batchSeconds: Histogram;

  /** @param next hears everything too, so that a signal that belongs in the log still gets there. */
  constructor(private readonly next: UseObserver) {
    const registers = [this.registry];
    const name = (rest: string): string => `session_ledger_${rest}`;
    this.accepted = new Counter({
      name: name('uses_accepted_total'),
      help: 'Uses that are on the ledger; with those refused and those not recorded, all that were presented',
      registers,
    });
    this.refused = new Counter({
      name: name('uses_refused_total'),
      help: 'Uses refused, by reason',
      labelNames: ['why'],
      registers,
    });
    this.notRecorded = new Counter({
      name: name('uses_not_recorded_total'),
      help: 'Uses that could not be judged, by error code; nearly all were answered 503',
      labelNames: ['code'],
      registers,
    });
    this.wrongSecrets = new Counter({
      name: name('wrong_secrets_total'),
      help: 'Wrong secrets for known sessions: guesses, or old tokens after a renewal; at most one a minute per session',
      registers,
    });
    this.batchEntries = new Histogram({
      name: name('use_batch_entries'),
      help: 'Uses per batch',
      buckets: batchSizes,
      registers,
    });
    this.batchSeconds = new Histogram({
      name: name('use_batch_seconds'),
      help: 'Seconds from sending a batch to its commit',
      buckets: commitSeconds,
      registers,
    });
    collectDefaultMetrics({ register: this.registry });
  }

  useAccepted(): void {
    this.accepted.inc();
    this.next.useAccepted();
  }

  batchRecorded(entries: number, seconds: number): void {
    this.batchEntries.observe(entries);
    this.batchSeconds.observe(seconds);
    this.next.batchRecorded(entries, seconds);
  }

  useRefused(why: RefusalReason): void {
    this.refused.inc({ why });
    this.next.useRefused(why);
  }

  useNotRecorded(code: string): void {
    this.notRecorded.inc({ code });
    this.next.useNotRecorded(code);
  }

  wrongSecretPresented(sessionId: string): void {
    this.wrongSecrets.inc();
    this.next.wrongSecretPresented(sessionId);
  }

  /** Adds values that are read at each scrape, one for each value of a label. */
  gauges(name: string, help: string, label: string, readings: Readonly<Record<string, () => number>>): void {
    const gauge: Gauge = new Gauge({
      name: `session_ledger_${name}`,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: () => {
        for (const [value, read] of Object.entries(readings)) gauge.set({ [label]: value }, read());
      },
    });
  }

  /**
   * Adds a value that is read at each scrape. A reading that fails or takes too long leaves its metric out of that scrape: absence is what an alert on a dead database looks for, and the other metrics must still be told.
   */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    const reading = new PatientReading(async () => read());
    const gauge: Gauge = new Gauge({
      name: `session_ledger_${name}`,
      help,
      registers: [this.registry],
      collect: async () => {
        gauge.remove();
        try {
          gauge.set(await reading.next());
        } catch {
          gauge.remove();
        }
      },
    });
  }
}
