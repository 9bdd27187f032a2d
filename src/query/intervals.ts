import type { Instant } from '../ledger/instant.js';
import type { Coverage } from './coverage.js';
import { verdictAt, type LoginAnswer, type Verdict } from './verdict.js';

/** `[from, to)`. */
export interface Span {
  readonly from: Instant;
  readonly to: Instant;
}

/** A stretch `[from, to)` at every instant of which the answer is the same. */
export interface AnswerInterval {
  from: Instant;
  to: Instant;
  answer: LoginAnswer;
  reason: Verdict['reason'];
}

/** What was found about one user over a range. */
export interface FoundOver {
  /** When the user was logged in, in any order, overlaps allowed; within the range. */
  readonly live: readonly Span[];
  /** When nobody can know, because a row that decides contradicts its seal; likewise. */
  readonly broken: readonly Span[];
  /** The ledger has never seen the user. */
  readonly isStranger: boolean;
}

/** Partitions a range by the answer at each of its instants. Neighbours with the same answer and reason are one interval. */
export function intervalsOf(
  range: Span,
  { live, broken, isStranger }: FoundOver,
  coverage: Coverage,
): AnswerInterval[] {
  const [lives, breaks] = [unite(live), unite(broken)];
  const [isLiveAt, isBrokenAt] = [membershipOf(lives), membershipOf(breaks)];
  const intervals: AnswerInterval[] = [];
  for (const { from, to } of piecesOf(range, [...lives, ...breaks, ...changesOf(coverage)])) {
    const found = { isLive: isLiveAt(from), isBroken: isBrokenAt(from), isStranger };
    const { answer, reason } = verdictAt(from, coverage, found);
    const last = intervals.at(-1);
    if (last?.answer === answer && last.reason === reason) last.to = to;
    else intervals.push({ from, to, answer, reason });
  }
  return intervals;
}

/** How much of the range the ledger can know, whatever the answers are. */
export function coverageOver(range: Span, coverage: Coverage): 'none' | 'partial' | 'full' {
  const pieces = piecesOf(range, changesOf(coverage));
  const known = pieces.filter(({ from }) => verdictAt(from, coverage, nothingFound).answer !== 'unknown');
  if (known.length === 0) return 'none';
  return known.length === pieces.length ? 'full' : 'partial';
}

const nothingFound = { isLive: false, isBroken: false, isStranger: false };

/** Whether spans that are apart from each other hold an instant; asked in rising order. */
function membershipOf(spans: readonly Span[]): (at: Instant) => boolean {
  let nth = 0;
  return (at) => {
    while (nth < spans.length && spans[nth]!.to <= at) nth += 1;
    return nth < spans.length && spans[nth]!.from <= at;
  };
}

/** Where what the ledger can know changes. */
function changesOf({ applications, gaps }: Coverage): Span[] {
  const first = applications[0];
  return first === undefined ? [...gaps] : [...gaps, { from: first.recordingSince, to: first.recordingSince }];
}

/** The range cut at every edge that lies in it. */
function piecesOf({ from, to }: Span, edges: readonly Span[]): Span[] {
  const inside = edges.flatMap((edge) => [edge.from, edge.to]).filter((edge) => from < edge && edge < to);
  const cuts = [from, ...[...new Set(inside)].sort(), to];
  return cuts.slice(0, -1).map((cut, index) => ({ from: cut, to: cuts[index + 1]! }));
}

/** In order and apart from each other. */
export function unite(spans: readonly Span[]): Span[] {
  const united: { from: Instant; to: Instant }[] = [];
  for (const { from, to } of [...spans].sort((a, b) => (a.from < b.from ? -1 : 1))) {
    const last = united.at(-1);
    if (last === undefined || last.to < from) united.push({ from, to });
    else if (last.to < to) last.to = to;
  }
  return united;
}
