import { DatabaseError, type ClientBase } from 'pg';
import type { SessionLedgerError } from '../errors.js';
import { hasLostConnection } from './lost-connection.js';
import type { TokenFacts } from './token-facts.js';
import { recordUses, recordUsesOnceUnlocked, type UseRecording, type UseRow } from './use.js';
import type { UseEntry } from './use-entry.js';
import { notRecorded } from './use-settlement.js';
import type { WriterConnections } from './writer-connections.js';

/** How long a use waits for its row, from the first time that it was found locked. */
const patienceMs = 1_000;
/** Sessions that may be waited for, and uses of each: one more is refused at once. */
const maxSessions = 1_000;
const maxUsesOfSession = 200;
const lockNotAvailable = '55P03';

/** What the lane does with its entries. */
export interface SlowLaneOptions {
  readonly maxBatch: number;
  readonly recordingOn: (client: ClientBase) => UseRecording;
  readonly settle: (entry: UseEntry, row: UseRow, known: TokenFacts) => void;
  readonly fail: (entry: UseEntry, error: unknown) => void;
  /** Takes entries back whose row is not locked any more. */
  readonly rejoin: (entries: UseEntry[]) => void;
}

/**
 * Waits for locked rows on a connection of its own, so that the batches never wait: one session held by a long
 * transaction must not stall everybody else. Nor may it stall others that are locked for a moment: in turns, the lane
 * looks at one use of each session, passing over rows that are still locked, and waits a tenth of a second for the
 * session that has waited longest. Without the looks, short locks would wait behind long ones; without the waits, a row
 * that others take again and again might never be found free.
 */
export class SlowLane {
  /** Uses by session, the longest waiting session first. */
  private readonly sessions = new Map<string, UseEntry[]>();
  private isAtWork = false;

  constructor(
    private readonly writers: WriterConnections,
    private readonly options: SlowLaneOptions,
  ) {}

  get length(): number {
    let length = 0;
    for (const entries of this.sessions.values()) length += entries.length;
    return length;
  }

  *pending(): Iterable<UseEntry> {
    for (const entries of this.sessions.values()) yield* entries;
  }

  /** Whether other uses of this one's session are in the lane. */
  waitsFor({ claim }: UseEntry): boolean {
    return this.sessions.has(claim.sessionId);
  }

  add(entry: UseEntry): void {
    const { sessionId } = entry.claim;
    const entries = this.sessions.get(sessionId);
    const isFull = entries === undefined ? this.sessions.size >= maxSessions : entries.length >= maxUsesOfSession;
    if (isFull) return this.options.fail(entry, busy());
    if (entries === undefined) this.sessions.set(sessionId, [entry]);
    else entries.push(entry);
    if (!this.isAtWork) void this.work();
  }

  /** Carries on until the lane is empty. Never throws; entries carry the outcome. */
  private async work(): Promise<void> {
    this.isAtWork = true;
    while (this.sessions.size > 0) {
      try {
        await this.workOnOneConnection();
      } catch (error) {
        // No connection is to be had: those who wait for one learn it now.
        for (const entries of this.sessions.values()) for (const entry of entries) this.options.fail(entry, error);
        this.sessions.clear();
      }
    }
    this.isAtWork = false;
  }

  private async workOnOneConnection(): Promise<void> {
    const { client, runner } = await this.writers.lend();
    let holds = true;
    try {
      for (this.letGo(); holds && this.sessions.size > 0; this.letGo()) {
        holds = await this.lookAtEach(client);
        this.letGo();
        if (holds) holds = await this.waitForFirst(client);
      }
      if (!holds) this.writers.discard(client);
    } finally {
      await this.writers.takeBack(runner);
    }
  }

  private async lookAtEach(client: ClientBase): Promise<boolean> {
    const { maxBatch } = this.options;
    const firsts = [...this.sessions.values()].map(([first]) => first!);
    let holds = true;
    for (let begin = 0; holds && begin < firsts.length; begin += maxBatch) {
      holds = await this.lookAt(client, firsts.slice(begin, begin + maxBatch));
    }
    return holds;
  }

  /** One use of each session: where it is judged, the row is not locked any more, and the others follow with the batches. */
  private async lookAt(client: ClientBase, firsts: readonly UseEntry[]): Promise<boolean> {
    const recording = this.options.recordingOn(client);
    const holds = await this.attempt(firsts, recording, () => recordUses(recording, firsts));
    for (const { isSettled, claim } of firsts) {
      if (!isSettled) continue;
      const others = this.sessions.get(claim.sessionId) ?? [];
      this.sessions.delete(claim.sessionId);
      this.options.rejoin(others);
    }
    return holds;
  }

  private async waitForFirst(client: ClientBase): Promise<boolean> {
    const [first] = this.sessions;
    if (first === undefined) return true;
    const [sessionId, entries] = first;
    // Behind the others, for the next turn.
    this.sessions.delete(sessionId);
    this.sessions.set(sessionId, entries);
    const waiting = entries.slice(0, this.options.maxBatch);
    const recording = this.options.recordingOn(client);
    return this.attempt(waiting, recording, () => recordUsesOnceUnlocked(recording, waiting));
  }

  /** @returns false when the connection broke, perhaps after the commit: nobody knows, so nobody passes. */
  private async attempt(
    entries: readonly UseEntry[],
    { known }: UseRecording,
    record: () => Promise<UseRow[]>,
  ): Promise<boolean> {
    try {
      const rows = await record();
      entries.forEach((entry, index) => {
        const row = rows[index]!;
        // Still locked; or changed under the wait, and the next look has a snapshot that shows how.
        if (row[0] !== 'busy') this.options.settle(entry, row, known.facts);
      });
      return true;
    } catch (error) {
      if (error instanceof DatabaseError && error.code === lockNotAvailable) return true;
      for (const entry of entries) this.options.fail(entry, error);
      return !hasLostConnection(error);
    }
  }

  /** Drops what is settled, and refuses what has waited for its row for too long. */
  private letGo(): void {
    const patientSince = performance.now() - patienceMs;
    for (const [sessionId, entries] of this.sessions) {
      for (const entry of entries) if (entry.busySinceMs! < patientSince) this.options.fail(entry, busy());
      const waiting = entries.filter(({ isSettled }) => !isSettled);
      if (waiting.length === 0) this.sessions.delete(sessionId);
      else this.sessions.set(sessionId, waiting);
    }
  }
}

function busy(): SessionLedgerError {
  return notRecorded('ERR_LEDGER_BUSY', 'the session is being changed by somebody else; send the request again');
}
