import { readLeafFacts, sessionIdOf, type LeafFacts } from './verify-leaf.js';
import { microsecondsAt } from './verify-leaf-walk.js';
import { SessionCourses, written, type SessionFacts } from './verify-session.js';

/**
 * By how much an event may be recorded before one that stands in front of it. `seq` and `recorded_at` are evaluated one after the other
 * for each row, so what lies between them is the time for which the operating system lets a process wait, in practice milliseconds; and
 * a clock that is set back is held at the last floor, which a fence that waits for writers may have raised minutes ago. No honest
 * ledger comes near ten minutes, and whoever adds a session of last year at the end of the ledger goes far beyond it.
 */
export const mostDisorder = 600_000_000;

/** An event may be dated this much after it was recorded, and recorded this much after it happened (event_recorded_promptly). */
export const mostEarly = 60_000_000;
export const mostLate = 600_000_000;

const sessionKinds: ReadonlySet<string> = new Set(['created', 'used', 'renewed', 'revoked', 'expired']);

/**
 * Follows the sessions of a ledger, event by event, and tells the first thing that no ledger says: a number left out or taken twice, a
 * time that runs backwards, an event that is dated back, something that happens to a session before it was created, after it lapsed or
 * after it ended, a deadline that does not follow from the limits.
 *
 * A tree only proves that nothing was changed since it was sealed. This finds what was wrong already when it was sealed.
 *
 * A session is forgotten when it ends, so that memory is taken for those alone that have not ended. What happens to a forgotten one is
 * then told as what happens to one that never was.
 */
export class EventOrder {
  #lastSeq = 0;
  #latestRecordedAt = Number.NEGATIVE_INFINITY;
  #longestSeconds = 0;
  /** Nothing dated up to here may follow, and the event that says so. */
  #settledAt = Number.NEGATIVE_INFINITY;
  #settledBy = 0;
  readonly #sessions = new SessionCourses();

  /** Whether sessions may have been created, and policies set, by events that were not seen. */
  #startsWithin = false;

  /** @param startsWithin whether it begins in the middle of a ledger. */
  constructor(startsWithin = false) {
    if (startsWithin) this.passOver();
  }

  /** Passes over an event that is missing or cannot be read: what depends on it is not known from here on. */
  passOver(): undefined {
    this.#startsWithin = true;
    this.#longestSeconds = Number.POSITIVE_INFINITY;
    this.#sessions.clear();
  }

  /**
   * Takes the next event.
   *
   * @param leaf the leaf's bytes, in the order of the tree.
   * @returns what is wrong with it, as a sentence about the event; undefined when nothing is.
   */
  next(leaf: Uint8Array): string | undefined {
    const event = readLeafFacts(leaf);
    if (event === undefined) {
      this.passOver();
      return 'a leaf is not the canonical JSON of an event';
    }
    const ofLedger = this.#faultInLedger(event);
    this.#lastSeq = Math.max(this.#lastSeq, event.seq || 0);
    if (event.recordedAt > this.#latestRecordedAt) this.#latestRecordedAt = event.recordedAt;
    const { session } = event;
    const ofKind = session === undefined ? this.#takeLedgerEvent(event) : this.#takeSessionEvent(event as SessionFacts);
    const fault = ofLedger ?? ofKind;
    if (fault === undefined) return undefined;
    const whose = session === undefined ? '' : ` of session ${sessionIdOf(session)}`;
    return `event ${Number.isNaN(event.seq) ? 'without a seq' : event.seq}${whose} ${fault}`;
  }

  #faultInLedger({ seq, kind, occurredAt, recordedAt }: LeafFacts): string | undefined {
    if (Number.isNaN(seq)) return 'has a seq that no ledger hands out';
    if (seq <= this.#lastSeq) return `stands behind event ${this.#lastSeq}: seq does not rise`;
    if (recordedAt < this.#latestRecordedAt - mostDisorder) {
      return `says that it was recorded at ${written(recordedAt)}, and stands behind events recorded up to ${written(this.#latestRecordedAt)}: it was dated back`;
    }
    const late = recordedAt - occurredAt;
    if (late < -mostEarly || (late > mostLate && kind !== 'expired')) {
      return `happened at ${written(occurredAt)} and was recorded at ${written(recordedAt)}: no event is recorded so far from its time`;
    }
    if (occurredAt <= this.#settledAt && kind !== 'expired') {
      return `happened at ${written(occurredAt)}, and event ${this.#settledBy} in front of it says that all up to ${written(this.#settledAt)} is recorded`;
    }
    return undefined;
  }

  #takeLedgerEvent({ seq, kind, recordedAt, detail }: LeafFacts): string | undefined {
    if (sessionKinds.has(kind)) return `is a ${kind} event of no session`;
    if (kind === 'policy_set') {
      const seconds = detail?.['absoluteSeconds'];
      if (typeof seconds === 'number') this.#longestSeconds = Math.max(this.#longestSeconds, seconds);
    } else if (kind === 'horizon_reached') {
      const said = detail?.['settledAt'];
      const settledAt = microsecondsAt(typeof said === 'string' ? said : '');
      if (!(settledAt <= recordedAt)) return 'says of a time that was still to come that all up to it is recorded';
      if (settledAt > this.#settledAt) [this.#settledAt, this.#settledBy] = [settledAt, seq];
    }
    return undefined;
  }

  #takeSessionEvent(event: SessionFacts): string | undefined {
    if (!sessionKinds.has(event.kind)) return `is of a kind that happens to no session: ${event.kind}`;
    return this.#sessions.take(event, this.#longestSeconds, this.#startsWithin);
  }
}
