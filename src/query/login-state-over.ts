import type { Instant } from '../ledger/instant.js';
import type { Executor } from '../ledger/named-query.js';
import { checkpointOver, type SealedBy } from '../seal/checkpoint-over.js';
import type { Scope } from './asking.js';
import { believedSpans, type BelievedSpans } from './believed-spans.js';
import { compareWithSeals, type ComparedRows } from './compared-with-seals.js';
import {
  evidenceOfGap,
  longestSecondsAt,
  longestSecondsEver,
  readCoverage,
  type Coverage,
  type CoveredApplication,
} from './coverage.js';
import { inOrder, type Evidence } from './evidence.js';
import { followersOf } from './followers.js';
import { coverageOver, intervalsOf, type AnswerInterval, type Span } from './intervals.js';
import { liveSpans, type LiveSpansFound, type SessionOverRange } from './live-spans.js';
import { refuseFuture, refuseUnsettled } from './times-asked.js';

/** A question about one user over `[from, to)`, after its texts were read. */
export interface RangeAsked {
  readonly userId: string;
  readonly scope: Scope;
  readonly from: Instant;
  readonly to: Instant;
  readonly knownAt: Instant | null;
}

/** When in the range a session was live. */
export interface SessionOver {
  sessionId: string;
  application: string;
  /** In order; one, unless the session was recorded as no session ever is. */
  live: Span[];
}

/** When was this user logged in, and what does the answer rest on? */
export interface LoginStateOver {
  userId: string;
  realm: string;
  from: Instant;
  to: Instant;
  /** Only what the ledger said then was looked at; null: everything. */
  knownAt: Instant | null;
  /** How much of the range the ledger can know. */
  coverage: 'none' | 'partial' | 'full';
  /** A partition of `[from, to)`; neighbours differ. */
  intervals: AnswerInterval[];
  /** Whether coverage, intervals, sessions and evidence are final. */
  settled: boolean;
  /** The applications the answer covers, some of them perhaps only a part of the range. */
  applications: CoveredApplication[];
  /** The user's sessions that were live in the range, the newest first. */
  sessions: SessionOver[];
  /** Sessions in which somebody else acted as the user; they never make an interval logged in. */
  impersonations: SessionOver[];
  /** The events that decide at both ends of each session's time in the range, and the gaps; in the order of the ledger. */
  evidence: Evidence[];
  /** Sessions left out of the lists and the evidence, which show the newest 100; the intervals rest on all of them. */
  sessionsOmitted: number;
  /** Events that are not what was sealed, or not of the user that is named: the intervals that rest on them are unknown. */
  contradicting: number[];
  /** Whether the checkpoint covers all that the intervals rest on, and all that happened up to the end of the range. */
  sealed: boolean;
  /** Null: not sealed yet. */
  checkpoint: SealedBy | null;
}

const mostSessions = 100;

/**
 * Answers for every instant of `[from, to)` what the question about that instant alone would.
 *
 * @throws SessionLedgerError ERR_INSTANT_IN_FUTURE, ERR_NOT_SETTLED, ERR_REPORT_TOO_LARGE
 */
export async function loginStateOver(executor: Executor, asked: RangeAsked, askedAt: Instant): Promise<LoginStateOver> {
  const { userId, scope, from, to, knownAt } = asked;
  refuseFuture(to, askedAt, 'to');
  const coverage = await readCoverage(executor, knownAt, scope.applications);
  refuseUnsettled(knownAt, coverage.horizon);
  const longestSeconds = longestSecondsAt(coverage, to);
  const question = { realm: scope.realm, userId, from, to, longestSeconds };
  const found = await liveSpans(executor, question, { knownAt, applications: scope.applications });
  const { compared, spansOf, isWholeBroken, rows } = await compareOver(
    executor,
    found,
    { from, to },
    coverage,
    longestSeconds,
  );
  const own = found.sessions.filter(({ isImpersonation }) => !isImpersonation);
  const broken = isWholeBroken ? [{ from, to }] : found.sessions.flatMap((session) => spansOf(session).broken);
  const shown = found.sessions.slice(0, mostSessions);
  const live = shown.filter((session) => spansOf(session).live.length > 0);
  const over = (session: SessionOverRange): SessionOver => {
    const { sessionId, application } = session;
    return { sessionId, application, live: spansOf(session).live };
  };
  const gaps = coverage.gaps.filter((gap) => gap.from < to && from < gap.to);
  const settled = to <= coverage.horizon;
  const checkpoint = settled && compared.areSealed(rows) ? await checkpointOver(executor, rows, to) : null;
  return {
    userId,
    realm: scope.realm,
    from,
    to,
    knownAt,
    coverage: coverageOver({ from, to }, coverage),
    intervals: intervalsOf(
      { from, to },
      { live: own.flatMap((session) => spansOf(session).live), broken, isStranger: found.isStranger },
      coverage,
    ),
    settled,
    applications: coverage.applications.filter(({ recordingSince }) => recordingSince < to),
    sessions: live.filter(({ isImpersonation }) => !isImpersonation).map(over),
    impersonations: live.filter(({ isImpersonation }) => isImpersonation).map(over),
    evidence: inOrder([...shown.flatMap(edgesOf), ...gaps.map(evidenceOfGap)]),
    sessionsOmitted: found.sessions.length - shown.length,
    contradicting: compared.contradicting,
    sealed: checkpoint !== null,
    checkpoint,
  };
}

interface ComparedOver {
  readonly compared: ComparedRows;
  /** What the ledger covers is in doubt, or whose sessions these are: at no instant can anything but a yes be known. */
  readonly isWholeBroken: boolean;
  /** All that the intervals rest on. */
  readonly rows: readonly Evidence[];
  readonly spansOf: (session: SessionOverRange) => BelievedSpans;
}

async function compareOver(
  executor: Executor,
  { sessions, misattributed }: LiveSpansFound,
  range: Span,
  coverage: Coverage,
  longestSeconds: number,
): Promise<ComparedOver> {
  const last = sessions.flatMap(({ reigns }) => reigns.at(-1) ?? []);
  const followers = await followersOf(executor, last, longestSecondsEver(coverage));
  const deciding = sessions.flatMap(({ openings, reigns }) => [...openings, ...reigns.map(({ event }) => event)]);
  const rows = [...deciding, ...misattributed, ...coverage.events];
  const next = [...followers.values()].map(({ event }) => event);
  const compared = await compareWithSeals(
    executor,
    [...rows, ...next],
    [...misattributed, ...sessions.flatMap(renewalWithoutOpening)],
  );
  const spans = new Map(
    sessions.map((session) => [
      session,
      believedSpans(session, range, followers.get(session.sessionId), compared, longestSeconds),
    ]),
  );
  return {
    compared,
    isWholeBroken: misattributed.length > 0 || compared.hasBroken(coverage.events),
    rows,
    spansOf: (session) => spans.get(session)!,
  };
}

/** The first renewal of a session that was live, if it has nothing before it: its opening is gone. */
function renewalWithoutOpening({ openings, reigns }: SessionOverRange): Evidence[] {
  const [first] = openings;
  return first === undefined || first.kind === 'created' || reigns.every(({ live }) => live === null) ? [] : [first];
}

/** The events that decide at both ends of a session's time in the range. */
function edgesOf({ reigns }: SessionOverRange): Evidence[] {
  const [first, last] = [reigns[0], reigns.at(-1)];
  return first === undefined || last === undefined ? [] : [first.event, last.event];
}
