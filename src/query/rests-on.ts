import { evidenceOfGap } from './coverage.js';
import { inOrder, type Evidence } from './evidence.js';
import type { Candidate, LoginStateFound } from './login-states.js';
import type { Verdict } from './verdict.js';

/** An answer that is no rests on at most so many events, the newest; how many more there were stands beside them. */
const mostForNo = 100;

/** What an answer shows that it rests on, and of how many sessions the deciding event was left out. */
export interface EvidenceShown {
  /** In the order of the ledger. */
  readonly evidence: Evidence[];
  readonly omitted: number;
}

/**
 * A yes rests on each live session's opening, its latest renewal, and the event that decides. A no rests on the deciding
 * event of each session that could have been live; an unknown on these and on the gaps that make it one.
 *
 * @param trusted the candidates none of whose rows contradicts its seal: a yes rests on them alone.
 */
export function evidenceOf(
  candidates: readonly Candidate[],
  trusted: readonly Candidate[],
  { answer, gaps }: Verdict,
): EvidenceShown {
  if (answer === 'logged_in') {
    return { evidence: inOrder(trusted.filter(({ isLive }) => isLive).flatMap(foundations)), omitted: 0 };
  }
  const newest = [...candidates].sort((a, b) => b.decided.seq - a.decided.seq).slice(0, mostForNo);
  const evidence = inOrder([...newest.map(({ decided }) => decided), ...gaps.map(evidenceOfGap)]);
  return { evidence, omitted: candidates.length - newest.length };
}

/** What a candidate's part in a verdict rests on: a session that is live, or that is somebody else's, is so by what it is, too. */
export function foundations({ isLive, isOfSubject, created, renewed, decided }: Candidate): Evidence[] {
  if (!isLive && isOfSubject) return [decided];
  return [created, renewed, decided].filter((event) => event !== null);
}

/**
 * What cannot be believed though it is what was sealed: openings on the user's subject that were recorded for another user than its row
 * names, and renewals by which a session is live whose opening is gone.
 */
export function contradictedIn({ candidates, misattributed }: LoginStateFound): Evidence[] {
  const openings = candidates.flatMap(({ isOfSubject, isLive, created, renewed, decided }) =>
    isOfSubject && (created !== null || !isLive) ? [] : [created ?? renewed ?? decided],
  );
  return misattributed === null ? openings : [...openings, misattributed];
}
