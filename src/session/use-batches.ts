import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import { instantFromPostgres } from '../ledger/instant.js';
import { KnownDatabase } from './known-database.js';
import { SlowLane } from './slow-lane.js';
import type { KnownToken, SessionFacts, TokenFacts } from './token-facts.js';
import { recordUses, type UseRow } from './use.js';
import type { UseBatchesOptions, UseRequest } from './use-batches-options.js';
import type { UseEntry } from './use-entry.js';
import { recordUsesInHalves } from './use-halves.js';
import type { UseResult } from './use-result.js';
import { notRecorded, UseSettlement } from './use-settlement.js';
import { WriterConnections, type LentConnection } from './writer-connections.js';

/** A row locked by somebody else is tried again with the next batches for this long, then waited for in the slow lane. */
const busyPatienceMs = 50;
const busyPauseMs = 2;
/*
 * While a batch is under way, another writer begins when so many wait, or when somebody has waited for so long behind a batch that takes
 * its time. Otherwise those who come meanwhile share the next one, as in a group commit: most of what a small batch costs, it costs once.
 * Measured behind Fastify, three rounds, 16 connections: a writer for whoever comes 1,454 to 2,007 requests/s (p50 9 ms), one writer
 * alone 2,774 to 3,878 (4 ms), another from 8 on 2,460 to 3,419 (5 ms). With 64 connections, batches are large with each of these:
 * 4,553 to 5,817, 4,946 to 6,295 and, from 24 on, 4,914 to 5,944.
 */
const worthAnotherWriter = 32;
const patienceMs = 10;
/** After a connection was refused, the writers that have one go on for this long before another is asked for. */
const lendingPauseMs = 250;

/**
 * Collects uses that arrive together and records them with one statement per batch: alone and at once when the service is
 * idle, by the hundred when it is not.
 *
 *   waiting --flush--> recorded ----------> accepted or refused
 *      ^                  | busy, under 50 ms
 *      +------------------+
 *      ^                  | busy for longer
 *      |                  +--> slow lane: looks and waits for the row's lock, one second at most, then 503
 *      +-- once unlocked ------+
 */
export class UseBatches {
  private waiting: UseEntry[] = [];
  /** Found locked a moment ago. */
  private readonly putOff: UseEntry[] = [];
  private readonly underWay: UseEntry[][] = [];
  private readonly options: Required<Omit<UseBatchesOptions, 'observer'>> & UseBatchesOptions;
  private readonly settlement: UseSettlement;
  private readonly writers: WriterConnections;
  private readonly slowLane: SlowLane;
  private known: KnownDatabase;
  private writersAtWork = 0;
  private isLendingPaused = false;
  private flushScheduled = false;
  private impatience: NodeJS.Timeout | undefined;
  private closed = false;

  /** @param dataSource the writer role's; its pool needs `writers` connections and one for the slow lane. */
  constructor(dataSource: DataSource, options: UseBatchesOptions = {}) {
    // One by one: an option that is there and undefined, as settings that were not set are, must not undo its default.
    this.options = {
      ...options,
      writers: options.writers ?? 3,
      maxBatch: options.maxBatch ?? 200,
      maxQueue: options.maxQueue ?? 10_000,
      maxWaitMs: options.maxWaitMs ?? 5_000,
      rememberedTokens: options.rememberedTokens ?? 50_000,
    };
    const { maxBatch, maxWaitMs, rememberedTokens, observer } = this.options;
    this.known = new KnownDatabase(rememberedTokens);
    this.settlement = new UseSettlement(maxWaitMs, observer, {
      pending: () => this.pending(),
      dropSettled: () => (this.waiting = this.waiting.filter(({ isSettled }) => !isSettled)),
    });
    this.writers = new WriterConnections(dataSource);
    this.slowLane = new SlowLane(this.writers, {
      maxBatch,
      recordingOn: (client) => this.recordingOn(client),
      settle: (entry, row, facts) => this.settle(entry, row, facts),
      fail: (entry, error) => this.settlement.fail(entry, error),
      rejoin: (entries) => this.rejoin(entries),
    });
  }

  /**
   * Records one use, together with whatever else arrives. Resolves after the commit of its batch.
   *
   * @throws SessionLedgerError ERR_LEDGER_UNAVAILABLE, ERR_LEDGER_BUSY or ERR_CLOCK_BEHIND, after `maxWaitMs` at the
   * latest: the use was not recorded, or it is not known whether it was; the request must not go on (503, Retry-After).
   */
  record(use: UseRequest): Promise<UseResult> {
    return new Promise<UseResult>((resolve, reject) => {
      const entry = entryOf(use, resolve, reject);
      this.settlement.expect();
      if (this.closed) {
        const message = 'the service is stopping; send the request again';
        return this.settlement.fail(entry, notRecorded('ERR_LEDGER_UNAVAILABLE', message));
      }
      if (this.waiting.length >= this.options.maxQueue) {
        const message = 'too many uses are waiting to be recorded; send the request again';
        return this.settlement.fail(entry, notRecorded('ERR_LEDGER_BUSY', message));
      }
      this.waiting.push(entry);
      this.scheduleFlush();
    });
  }

  /** Forgets ids and facts, which another database may give to others. What waits is recorded by what is known then. */
  forgetDatabase(): void {
    this.known = new KnownDatabase(this.options.rememberedTokens);
  }

  /** How many uses wait for a batch, the slow lane included. */
  get queued(): number {
    return this.waiting.length + this.slowLane.length;
  }

  /** Takes no more uses and resolves when those under way are settled, which takes `maxWaitMs` at most. */
  async close(): Promise<void> {
    this.closed = true;
    await this.settlement.allSettled();
  }

  private scheduleFlush(): void {
    if (!this.canFlush()) return;
    const { maxBatch } = this.options;
    if (this.writersAtWork === 0 || this.waiting.length >= Math.min(worthAnotherWriter, maxBatch)) this.flushSoon();
    else this.impatience ??= setTimeout(() => this.flushImpatiently(), patienceMs).unref();
  }

  private flushImpatiently(): void {
    this.impatience = undefined;
    if (this.canFlush()) this.flushSoon();
  }

  private canFlush(): boolean {
    if (this.flushScheduled || this.writersAtWork >= this.options.writers || this.waiting.length === 0) return false;
    return !this.isLendingPaused || this.writersAtWork === 0;
  }

  /** Waits for the end of this turn of the event loop, so that requests read from the sockets together share a batch. */
  private flushSoon(): void {
    this.flushScheduled = true;
    setImmediate(() => {
      this.flushScheduled = false;
      void this.write();
    });
  }

  /** One writer: takes a connection and carries batches until nothing waits. Never throws; entries carry the outcome. */
  private async write(): Promise<void> {
    this.writersAtWork++;
    const lent = await this.lend();
    try {
      if (lent !== undefined) await this.carryBatches(lent.client);
    } finally {
      this.writersAtWork--;
      if (lent !== undefined) await this.writers.takeBack(lent.runner);
      this.scheduleFlush();
    }
  }

  private async carryBatches(client: ClientBase): Promise<void> {
    // Taken only now: what waits for a connection with one writer could be recorded by another that has one.
    for (let batch = this.takeBatch(); batch.length > 0; batch = this.takeBatch()) {
      this.scheduleFlush();
      if (!(await this.recordBatch(client, batch))) return;
    }
  }

  private async lend(): Promise<LentConnection | undefined> {
    try {
      return await this.writers.lend();
    } catch (error) {
      // Other writers have a connection, or may get one: what waits is theirs. The last one to fail tells those who wait.
      if (this.writersAtWork > 1) this.pauseLending();
      else for (const entry of this.waiting.splice(0)) this.settlement.fail(entry, error);
      return undefined;
    }
  }

  private pauseLending(): void {
    if (this.isLendingPaused) return;
    this.isLendingPaused = true;
    setTimeout(() => {
      this.isLendingPaused = false;
      this.scheduleFlush();
    }, lendingPauseMs).unref();
  }

  private takeBatch(): UseEntry[] {
    return this.waiting.splice(0, this.options.maxBatch);
  }

  private recordingOn(client: ClientBase) {
    return { client, known: this.known, answerWithinMs: this.options.maxWaitMs };
  }

  /** @returns false when the connection broke, perhaps after the commit: nobody knows, so nobody passes. */
  private async recordBatch(client: ClientBase, batch: UseEntry[]): Promise<boolean> {
    const startedAt = performance.now();
    const recording = this.recordingOn(client);
    this.underWay.push(batch);
    try {
      await recordUsesInHalves(
        batch,
        (entries) => recordUses(recording, entries),
        (entry, row) => this.settle(entry, row, recording.known.facts),
        (entry, error) => this.settlement.fail(entry, error),
      );
    } catch (error) {
      for (const entry of batch) this.settlement.fail(entry, error);
      this.writers.discard(client);
      return false;
    } finally {
      this.underWay.splice(this.underWay.indexOf(batch), 1);
    }
    this.options.observer?.batchRecorded(batch.length, (performance.now() - startedAt) / 1000);
    return true;
  }

  private settle(entry: UseEntry, row: UseRow, known: TokenFacts): void {
    const [verdict, usedAt, expiresAt, clientId, facts] = row;
    switch (verdict) {
      case 'accepted': {
        const { facts: unchanging } = rememberedOf(entry, facts, clientId, known);
        const lastUsedAt = instantFromPostgres(usedAt!);
        const session = { ...unchanging, lastUsedAt, expiresAt: instantFromPostgres(expiresAt!) };
        return this.settlement.accept(entry, session);
      }
      case 'busy':
        return this.tryAgain(entry);
      case 'clock_behind': {
        const message =
          'the database clock stepped back; recording stops until it is corrected or "session-ledger gap record" is run';
        return this.settlement.fail(entry, notRecorded('ERR_CLOCK_BEHIND', message));
      }
      default:
        known.forget(entry.tokenKey);
        return this.settlement.refuse(entry, verdict);
    }
  }

  private tryAgain(entry: UseEntry): void {
    if (entry.isSettled) return;
    const now = performance.now();
    entry.busySinceMs ??= now;
    // Behind others of its session, that one's turn in the lane is its turn too.
    if (now - entry.busySinceMs >= busyPatienceMs || this.slowLane.waitsFor(entry)) this.slowLane.add(entry);
    else if (this.putOff.push(entry) === 1) setTimeout(() => this.rejoin(this.putOff.splice(0)), busyPauseMs);
  }

  /** Those put off stand first: they have waited longest. */
  private rejoin(entries: UseEntry[]): void {
    this.waiting.unshift(...entries.filter(({ isSettled }) => !isSettled));
    this.scheduleFlush();
  }

  private *pending(): Iterable<UseEntry> {
    yield* this.waiting;
    yield* this.putOff;
    for (const batch of this.underWay) yield* batch;
    yield* this.slowLane.pending();
  }
}

/** Every entry has the same shape, written out: spread objects and closures per use took a fifth of the CPU here. */
function entryOf(use: UseRequest, resolve: UseEntry['resolve'], reject: UseEntry['reject']): UseEntry {
  const { claim, client } = use;
  const digestHex = claim.secretDigest.toString('hex');
  return {
    claim,
    digestHex,
    tokenKey: claim.sessionId + digestHex,
    passive: use.passive,
    client,
    clientKey: client && `${client.ip ?? ''}\n${client.userAgent ?? ''}`,
    known: undefined,
    recordedBy: use.recordedBy,
    askedAtMs: performance.now(),
    busySinceMs: undefined,
    isSettled: false,
    resolve,
    reject,
  };
}

/** What is known of the token from now on; in the usual case all of it was known before. */
function rememberedOf(
  { tokenKey, known, clientKey }: UseEntry,
  facts: string | null,
  clientId: string | null,
  tokens: TokenFacts,
): KnownToken {
  if (known !== undefined && (clientKey === undefined || known.clientIds.has(clientKey))) {
    return known;
  }
  return tokens.remember(tokenKey, known?.facts ?? (JSON.parse(facts!) as SessionFacts), clientKey, clientId);
}
