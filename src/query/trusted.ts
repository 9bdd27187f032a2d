import type { Executor } from '../ledger/named-query.js';
import { compareWithSeals, type ComparedRows } from './compared-with-seals.js';
import { longestSecondsEver, type Coverage } from './coverage.js';
import type { Evidence } from './evidence.js';
import { followersOf, type NumberedEvent } from './followers.js';
import type { Candidate, LoginStateFound } from './login-states.js';
import { foundations, contradictedIn } from './rests-on.js';

/** Candidates, told apart by whether their rows can be believed. */
export interface Judged {
  readonly compared: ComparedRows;
  /** All that a verdict other than a yes rests on. */
  readonly rows: readonly Evidence[];
  /** Those none of whose rows contradicts its seal, and none of whose events is missing where it would matter. */
  readonly trusted: readonly Candidate[];
  /** Not all candidates are trusted, or what the ledger covers is in doubt. */
  readonly isBroken: boolean;
}

/**
 * Compares all that a verdict on candidates rests on with its seals: what makes each of them live or not, the event behind it in
 * its session, whose they are, and what the ledger covers.
 *
 * @param others rows of the same answer that the verdict does not rest on.
 */
export async function judge(
  executor: Executor,
  found: LoginStateFound,
  coverage: Coverage,
  others: readonly Evidence[],
): Promise<Judged> {
  const { candidates } = found;
  const contradicted = contradictedIn(found);
  const decided = candidates.map((one) => ({ event: one.decided, sessionSeq: one.decidedSessionSeq }));
  const followers = await followersOf(executor, decided, longestSecondsEver(coverage));
  const next = [...followers.values()].map(({ event }) => event);
  const ofSessions = await compareWithSeals(
    executor,
    [...candidates.flatMap(foundations), ...next, ...others],
    contradicted,
  );
  const trusted = candidates.filter((candidate) => {
    const follower = followers.get(candidate.sessionId);
    return (
      isFollowed(candidate.decidedSessionSeq, follower, ofSessions) && !ofSessions.hasBroken(foundations(candidate))
    );
  });
  const rows = [...candidates.map(({ decided }) => decided), ...contradicted, ...coverage.events];
  // A yes rests on its sessions, whatever the ledger covers.
  if (trusted.some(({ isLive, isImpersonation }) => isLive && !isImpersonation))
    return { compared: ofSessions, rows, trusted, isBroken: trusted.length < candidates.length };
  const ofLedger = await compareWithSeals(executor, coverage.events);
  const isBroken = trusted.length < candidates.length || contradicted.length > 0 || ofLedger.hasBroken(coverage.events);
  return { compared: ofSessions.and(ofLedger), rows, trusted, isBroken };
}

/** Whether what follows an event in its session, if anything does, is the next event, and is what was sealed. */
export function isFollowed(sessionSeq: number, follower: NumberedEvent | undefined, compared: ComparedRows): boolean {
  if (follower === undefined) return true;
  return follower.sessionSeq === sessionSeq + 1 && !compared.isBroken(follower.event);
}
