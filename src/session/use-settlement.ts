import { SessionLedgerError, type SessionLedgerErrorCode } from '../errors.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import type { LiveSession } from './live-session.js';
import type { UseEntry } from './use-entry.js';
import type { UseObserver } from './use-observer.js';
import type { RefusalReason } from './use-result.js';
import { WrongSecretSignal } from './wrong-secret-signal.js';

const watchEveryMs = 250;

/** Where entries are until they are answered. */
export interface UseQueues {
  /** Every entry that has not been answered, among others that have. */
  pending(): Iterable<UseEntry>;
  /** Makes room: those that have been answered are no longer waited with. */
  dropSettled(): void;
}

/**
 * Answers the callers of uses, each exactly once and in time: wherever an entry is, in a queue, behind a lock, or under
 * way on a connection that has fallen silent, it is refused when it has waited for too long. What a statement says of it
 * after that is too late: the use may be on the ledger, and its request has not been let through.
 */
export class UseSettlement {
  /** A number and no collection: a Set that every use enters and leaves kept enough of them alive to triple the time of garbage collection. */
  private unsettled = 0;
  private readonly wrongSecrets = new WrongSecretSignal();
  private watch: NodeJS.Timeout | undefined;
  private onAllSettled: (() => void) | undefined;

  constructor(
    private readonly maxWaitMs: number,
    private readonly observer: UseObserver | undefined,
    private readonly queues: UseQueues,
  ) {}

  /** Takes charge of one more entry: from now on it will be answered. */
  expect(): void {
    this.unsettled++;
    this.watch ??= setInterval(() => this.watchOver(), watchEveryMs).unref();
  }

  accept(entry: UseEntry, session: LiveSession): void {
    if (!this.settle(entry)) return;
    this.observer?.useAccepted();
    entry.resolve({ active: true, session });
  }

  refuse(entry: UseEntry, why: RefusalReason): void {
    if (!this.settle(entry)) return;
    this.observer?.useRefused(why);
    if (why === 'wrong_secret' && this.wrongSecrets.isNews(entry.claim.sessionId, performance.now())) {
      this.observer?.wrongSecretPresented(entry.claim.sessionId);
    }
    entry.resolve({ active: false, why });
  }

  fail(entry: UseEntry, error: unknown): void {
    if (!this.settle(entry)) return;
    const failure = toSessionLedgerError(error);
    this.observer?.useNotRecorded(failure.code);
    entry.reject(failure);
  }

  /** Resolves when every entry has been answered, which takes no longer than an entry may wait. */
  async allSettled(): Promise<void> {
    if (this.unsettled > 0) await new Promise<void>((resolve) => (this.onAllSettled = resolve));
  }

  /** @returns false when the caller has been answered before. */
  private settle(entry: UseEntry): boolean {
    if (entry.isSettled) return false;
    entry.isSettled = true;
    if (--this.unsettled === 0) this.onAllSettled?.();
    return true;
  }

  private watchOver(): void {
    const oldest = performance.now() - this.maxWaitMs;
    for (const entry of this.queues.pending()) {
      if (entry.askedAtMs < oldest) {
        this.fail(entry, notRecorded('ERR_LEDGER_UNAVAILABLE', 'the use could not be recorded in time'));
      }
    }
    this.queues.dropSettled();
    if (this.unsettled > 0) return;
    clearInterval(this.watch);
    this.watch = undefined;
  }
}

/** The failure of a use that was not recorded and is worth sending again. */
export function notRecorded(code: SessionLedgerErrorCode, message: string): SessionLedgerError {
  return new SessionLedgerError(code, message, { retryAfterSeconds: 1 });
}
