import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { SessionLedgerError } from '../errors.js';
import { RepeatingTask } from '../ledger/repeating-task.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { faultsOfCheckpoint, faultsOfStretch } from './audited-stretch.js';
import { publishedCheckpoint } from './checkpoint-published.js';
import { lateRows, lateRowSentence } from './late-rows.js';
import { rowsAgainstCommitments } from './live-commitments.js';
import { oddRows } from './live-odd-rows.js';
import { newestHead } from './tree-store.js';

/** Whom an auditor believes. Taken from the database that it audits, this would convict nobody who can write there. */
export interface AuditTrust {
  /** vkey lines. */
  readonly keys: readonly string[];
  /** Checkpoints that lie outside of the database: it has to continue each of them. */
  readonly keptCheckpoints: readonly string[];
}

/** How far an auditor has come. */
export interface AuditPosition {
  /** Leaves re-read in this round. */
  readonly leaves: number;
  /** Leaves of this round. */
  readonly size: number;
  /** Rounds finished, each over everything that was sealed when it began. */
  readonly rounds: number;
}

/** What an auditor works on, and whom it tells. */
export interface AuditorOptions {
  /** Sealed events to re-read in a second, at most; and as many rows of users and clients. */
  eventsPerSecond: number;
  /** Asked for at the beginning of each round, and whenever one is resumed. */
  trust: () => Promise<AuditTrust>;
  /** Where an earlier process left off; at the beginning when omitted. */
  resumeAt?: AuditPosition | undefined;
  /** Told of its position after each stretch, to keep it for the next process. */
  onPosition?: (position: AuditPosition) => void;
  /** Told of what does not hold, as soon as it is met, in each round again. */
  onFault: (faults: readonly string[]) => void;
  /** Told of events below sealed ones that were never sealed, by `seq`; they are faults too. */
  onLateRows?: (seqs: readonly string[]) => void;
  /** Told of each round that could not be finished; the auditor goes on by itself. */
  onFailure: (failure: SessionLedgerError) => void;
}

const betweenRoundsMs = 10_000;
const betweenLooksAtTheNewestMs = 30_000;
const leavesPerStretch = 4_096;
const mostFaultsTold = 20;

/**
 * Goes over the rows of the sealed ledger again and again, at a bounded rate, and compares them with their seals, and the rows of users
 * and clients with the commitments to them: a change that nobody asks about is found too. Beside that it looks twice a minute whether an event came late, below what was just sealed.
 *
 * @example
 * const auditor = new Auditor(reader, { eventsPerSecond: 5_000, trust, onFault: alarm, onFailure: report });
 * auditor.start();
 */
export class Auditor {
  readonly #rounds: RepeatingTask;
  readonly #looks: RepeatingTask;
  #position: AuditPosition;
  /** The newest `seq` that was sealed at the last look: by now, whoever was late has shown. */
  #sealedAtLastLook: number | undefined;
  #lookedAt = 0;

  constructor(
    private readonly reader: DataSource,
    private readonly options: AuditorOptions,
  ) {
    this.#position = options.resumeAt ?? { leaves: 0, size: 0, rounds: 0 };
    const onFailure = (failure: unknown): void => options.onFailure(toSessionLedgerError(failure));
    this.#rounds = new RepeatingTask({ everyMs: betweenRoundsMs, run: (stop) => this.auditOnce(stop), onFailure });
    this.#looks = new RepeatingTask({
      everyMs: betweenLooksAtTheNewestMs,
      run: () => this.lookAtTheNewest(),
      onFailure,
    });
  }

  start(): void {
    this.#rounds.start();
    this.#looks.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#rounds.stop(), this.#looks.stop()]);
  }

  get position(): AuditPosition {
    return this.#position;
  }

  /** One round, or the rest of one. Does nothing before the first seal. */
  async auditOnce(stopping: AbortSignal = new AbortController().signal): Promise<void> {
    const published = await publishedCheckpoint(this.reader);
    if (published === undefined) return;
    const { leaves, size, rounds } = this.#position;
    const isResumed = leaves < size && size <= published.size;
    this.#position = isResumed ? this.#position : { leaves: 0, size: published.size, rounds };
    const trust = await this.options.trust();
    const head = await newestHead(this.reader);
    for (const note of [published.note, ...trust.keptCheckpoints])
      this.#tell(await faultsOfCheckpoint(this.reader, note, head.size, trust.keys));
    for await (const { sentence } of oddRows(this.reader, published)) this.#tell([sentence]);
    // At the beginning alone, where an interrupted round begins again: a position counts leaves.
    if (this.#position.leaves === 0) await this.#auditCommitments(stopping);
    while (this.#position.leaves < this.#position.size && !stopping.aborted) await this.#auditStretch(trust, stopping);
    if (stopping.aborted) return;
    this.#moveTo({ ...this.#position, rounds: rounds + 1 });
  }

  /** Looks for late rows below what was sealed at the last look. */
  async lookAtTheNewest(): Promise<void> {
    const upTo = this.#sealedAtLastLook;
    if (upTo !== undefined && upTo > this.#lookedAt) {
      this.#tellLate(await lateRows(this.reader, this.#lookedAt + 1, upTo));
      this.#lookedAt = upTo;
    }
    const { lastSeq } = await newestHead(this.reader);
    if (upTo === undefined) this.#lookedAt = lastSeq;
    this.#sealedAtLastLook = lastSeq;
  }

  async #auditCommitments(stopping: AbortSignal): Promise<void> {
    let begun = performance.now();
    for await (const { rows, faults } of rowsAgainstCommitments(this.reader)) {
      this.#tell(faults);
      await this.#pace(rows, begun, stopping);
      if (stopping.aborted) return;
      begun = performance.now();
    }
  }

  async #auditStretch({ keys }: AuditTrust, stopping: AbortSignal): Promise<void> {
    const { leaves: first, size } = this.#position;
    const end = Math.min(first + leavesPerStretch, size);
    const begun = performance.now();
    const { faults, lateRows: late } = await faultsOfStretch(this.reader, { first, end, size }, keys);
    this.#tell(faults);
    this.#tellLate(late);
    this.#moveTo({ ...this.#position, leaves: end });
    await this.#pace(end - first, begun, stopping);
  }

  async #pace(rows: number, begun: number, stopping: AbortSignal): Promise<void> {
    const pauseMs = (rows / this.options.eventsPerSecond) * 1_000 - (performance.now() - begun);
    if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: stopping, ref: false }).catch(() => undefined);
  }

  #moveTo(position: AuditPosition): void {
    this.#position = position;
    this.options.onPosition?.(position);
  }

  #tell(faults: readonly string[]): void {
    if (faults.length > 0) this.options.onFault(faults.slice(0, mostFaultsTold));
  }

  #tellLate(seqs: readonly string[]): void {
    if (seqs.length === 0) return;
    this.options.onLateRows?.(seqs);
    this.#tell(seqs.map(lateRowSentence));
  }
}
