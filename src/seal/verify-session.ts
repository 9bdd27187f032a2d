import { instantFromMicroseconds } from '../ledger/instant.js';
import type { LeafFacts } from './verify-leaf.js';
import { SessionTable } from './verify-session-table.js';

/** The facts of an event of a session. */
export type SessionFacts = Readonly<LeafFacts> & { readonly session: Int32Array };

/** Idle limit of a session that has none; of one whose creation was not seen it is NaN, and so is all that would follow from it. */
const noIdleLimit = Number.POSITIVE_INFINITY;

/**
 * The courses of all sessions that have not ended: what the next event of each has to follow from. What is wrong with an event is told
 * as the end of a sentence about it.
 */
export class SessionCourses {
  private readonly table = new SessionTable();

  /**
   * Takes the next event of any session.
   *
   * @param longestSeconds the longest lifetime that a policy has allowed so far
   * @param startsWithin whether the session may have been created by an event that was not seen
   */
  take(event: SessionFacts, longestSeconds: number, startsWithin: boolean): string | undefined {
    const slot = this.table.find(event.session);
    const isEnd = event.kind === 'revoked' || event.kind === 'expired';
    if (slot < 0) {
      if (!isEnd) this.begin(event);
      if (event.kind === 'created') return faultOfCreation(event, longestSeconds);
      return startsWithin
        ? undefined
        : 'is of a session that was not created before, or had ended: events before it are missing, or it was added';
    }
    const fault = this.faultOfNext(event, slot) ?? this.faultOfKind(event, slot, longestSeconds);
    if (isEnd) this.table.remove(event.session, slot);
    else this.goOn(event, slot);
    return fault;
  }

  /** Forgets them all. */
  clear(): void {
    this.table.clear();
  }

  private begin(event: SessionFacts): void {
    const slot = this.table.add(event.session);
    this.table.setTerms(slot, Number.NaN, Number.NaN);
    this.table.setOwner(slot, undefined);
    this.goOn(event, slot);
  }

  private goOn(event: SessionFacts, slot: number): void {
    this.table.setLatest(slot, event.sessionSeq ?? 0, event.occurredAt, event.expiresAt ?? Number.NaN);
    if (event.kind === 'used') return;
    this.table.setTerms(slot, event.absoluteExpiresAt ?? Number.NaN, idleOf(event));
    this.table.setOwner(slot, ownerOf(event));
  }

  private faultOfNext({ kind, sessionSeq, occurredAt }: SessionFacts, slot: number): string | undefined {
    const before = { seq: this.table.sessionSeq(slot), at: this.table.occurredAt(slot) };
    if (kind === 'created') return 'creates it a second time';
    if (sessionSeq !== before.seq + 1) {
      return `has the number ${sessionSeq ?? 'none'} within the session, where ${before.seq + 1} comes next`;
    }
    if (occurredAt < before.at) {
      return `happened at ${written(occurredAt)}, before the event in front of it (${written(before.at)})`;
    }
    // A renewal or revocation stands one microsecond behind the last use, even where that is the deadline already.
    const mayBeHeld = kind !== 'used' && occurredAt === before.at + 1;
    if (kind === 'expired' || mayBeHeld || !(occurredAt >= this.table.expiresAt(slot))) return undefined;
    return `is ${whatHappens[kind] ?? 'an event'} at ${written(occurredAt)}, when it had lapsed at ${written(this.table.expiresAt(slot))}`;
  }

  private faultOfKind(event: SessionFacts, slot: number, longestSeconds: number): string | undefined {
    if (event.kind === 'used') return this.faultOfUse(event, slot);
    if (event.kind === 'renewed') return this.faultOfRenewal(event, slot) ?? faultOfOpening(event, longestSeconds);
    const deadline = this.table.expiresAt(slot);
    if (event.kind !== 'expired' || event.occurredAt === deadline || Number.isNaN(deadline)) return undefined;
    return `lets it expire at ${written(event.occurredAt)}, and its deadline was ${written(deadline)}`;
  }

  private faultOfUse({ occurredAt, expiresAt, reason }: SessionFacts, slot: number): string | undefined {
    const due =
      reason === 'passive'
        ? this.table.expiresAt(slot)
        : Math.min(occurredAt + this.table.idleMicroseconds(slot), this.table.absoluteExpiresAt(slot));
    return Number.isNaN(due) || expiresAt === due ? undefined : anotherDeadline(expiresAt, due);
  }

  private faultOfRenewal(event: SessionFacts, slot: number): string | undefined {
    const owner = this.table.owner(slot);
    if (owner !== undefined && owner !== ownerOf(event)) {
      return `renews it for another than it was created for: ${ownerOf(event)}, and before ${owner}`;
    }
    const isLonger = (event.absoluteExpiresAt ?? Number.NaN) > this.table.absoluteExpiresAt(slot);
    const isFresh = event.detail?.['fresh'] === true;
    return isLonger && !isFresh ? 'lengthens its lifetime without a fresh authentication' : undefined;
  }
}

const whatHappens: Readonly<Record<string, string>> = {
  used: 'a use',
  renewed: 'a renewal',
  revoked: 'a revocation',
};

function faultOfCreation(event: SessionFacts, longestSeconds: number): string | undefined {
  if (event.sessionSeq !== 1) return `creates it with the number ${event.sessionSeq ?? 'none'}, where 1 comes first`;
  return faultOfOpening(event, longestSeconds);
}

function faultOfOpening(event: SessionFacts, longestSeconds: number): string | undefined {
  const { occurredAt, expiresAt, absoluteExpiresAt } = event;
  if (absoluteExpiresAt === undefined) return 'sets no end to its lifetime';
  const due = Math.min(occurredAt + idleOf(event), absoluteExpiresAt);
  if (expiresAt !== due) return anotherDeadline(expiresAt, due);
  if (absoluteExpiresAt - occurredAt > longestSeconds * 1_000_000) {
    return `lets it live until ${written(absoluteExpiresAt)}, longer than the ${longestSeconds} seconds that any policy before it allows`;
  }
  return undefined;
}

function anotherDeadline(expiresAt: number | undefined, due: number): string {
  const set = expiresAt === undefined ? 'to none' : written(expiresAt);
  return `sets the deadline ${set}, and by the limits of the session it is ${written(due)}`;
}

function idleOf({ idleSeconds }: SessionFacts): number {
  return idleSeconds === undefined ? noIdleLimit : idleSeconds * 1_000_000;
}

function ownerOf({ subjectId, actorId, application }: SessionFacts): string {
  const actor = actorId === undefined ? '' : ` by ${actorId}`;
  return `subject ${subjectId ?? 'none'}${actor} in ${application ?? 'no application'}`;
}

/** An instant out of microseconds since 1970 UTC, as the ledger writes it. */
export function written(microseconds: number): string {
  if (!Number.isFinite(microseconds)) return 'an unknown time';
  try {
    return instantFromMicroseconds(BigInt(Math.trunc(microseconds)));
  } catch {
    // A deadline is a sum of what a leaf says, which may be any number.
    return 'a time that no ledger writes';
  }
}
