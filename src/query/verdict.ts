import type { Instant } from '../ledger/instant.js';
import { applicationsCovered, gapsAround, type Coverage, type CoveredApplication, type Gap } from './coverage.js';

/** Was the user logged in? */
export type LoginAnswer = 'logged_in' | 'not_logged_in' | 'unknown';

/**
 * Why the ledger cannot know. `before_ledger`: no application of the question was recorded yet; `gap`: events of that time
 * may be lost; `outside_retention`, `erased`, `integrity`: what it rested on is gone, or contradicts its seal.
 */
export type UnknownReason = 'before_ledger' | 'outside_retention' | 'erased' | 'gap' | 'integrity';

/** An answer with its reason: why it is unknown, or that the ledger has never seen such a user. */
export interface Verdict {
  readonly answer: LoginAnswer;
  readonly reason: UnknownReason | 'no_such_user' | null;
  readonly applications: CoveredApplication[];
  /** The gaps that made it unknown. */
  readonly gaps: Gap[];
}

/** What was found about one user at one instant. */
export interface Found {
  /** A session of the user's own was live, and every row that says so is what was sealed. */
  readonly isLive: boolean;
  /** A row that would have a say contradicts its seal. */
  readonly isBroken: boolean;
  /** The ledger has never seen the user. */
  readonly isStranger: boolean;
}

/**
 * Yes beats unknown, and unknown beats no: a live session on the ledger is proof whatever else is missing, while the
 * absence of one proves nothing where the ledger could not see.
 *
 * @example
 * verdictAt(at, coverage, { isLive: false, isBroken: false, isStranger: false }); // { answer: 'not_logged_in', reason: null, ... }
 */
export function verdictAt(at: Instant, coverage: Coverage, found: Found): Verdict {
  const applications = applicationsCovered(coverage, at);
  if (found.isLive) return { answer: 'logged_in', reason: null, applications, gaps: [] };
  if (found.isBroken) return { answer: 'unknown', reason: 'integrity', applications, gaps: gapsAround(coverage, at) };
  if (applications.length === 0) return { answer: 'unknown', reason: 'before_ledger', applications, gaps: [] };
  const gaps = gapsAround(coverage, at);
  if (gaps.length > 0) return { answer: 'unknown', reason: 'gap', applications, gaps };
  return { answer: 'not_logged_in', reason: found.isStranger ? 'no_such_user' : null, applications, gaps };
}
