import type { Instant } from '../ledger/instant.js';
import type { Executor } from '../ledger/named-query.js';
import { checkpointOver, type SealedBy } from '../seal/checkpoint-over.js';
import type { Scope } from './asking.js';
import { longestSecondsAt, readCoverage, type Coverage, type CoveredApplication } from './coverage.js';
import type { Evidence } from './evidence.js';
import { loginStates, type LoginStateFound } from './login-states.js';
import { evidenceOf } from './rests-on.js';
import { asCompared, sessionSummaries, type SessionSummary } from './session-summaries.js';
import { ownSession, sessionsAt, type ImpersonationAt, type SessionAt, type SessionFactsAt } from './sessions-at.js';
import { refuseFuture, refuseUnsettled } from './times-asked.js';
import { judge, type Judged } from './trusted.js';
import { verdictAt, type LoginAnswer, type UnknownReason, type Verdict } from './verdict.js';

/** A question about one user at one instant, after its texts were read. */
export interface PointAsked {
  readonly userId: string;
  readonly scope: Scope;
  /** Null: the database's now. */
  readonly at: Instant | null;
  readonly knownAt: Instant | null;
}

/** What became of a session after the instant asked about. Never part of the settled answer. */
export interface SessionLater extends Pick<SessionSummary, 'sessionId' | 'state' | 'endedAt' | 'endReason'> {
  firstUseAfter: Instant | null;
}

/** Was this user logged in then, and what does the answer rest on? */
export interface LoginState {
  userId: string;
  realm: string;
  at: Instant;
  /** Only what the ledger said then was looked at; null: everything. */
  knownAt: Instant | null;
  answer: LoginAnswer;
  reason: UnknownReason | 'no_such_user' | null;
  /** Whether answer, sessions and evidence are final. */
  settled: boolean;
  /** The applications the answer covers. */
  applications: CoveredApplication[];
  /** The user's sessions live at the instant, the newest first. */
  sessions: SessionAt[];
  /** Live sessions in which somebody else acted as the user; they never make the answer yes. */
  impersonations: ImpersonationAt[];
  /** In the order of the ledger. */
  evidence: Evidence[];
  /** Sessions whose deciding event was left out of the evidence of a no, which shows the newest 100. */
  evidenceOmitted: number;
  /** What came after the instant: not settled, and not what the answer rests on. */
  later: { sessions: SessionLater[] };
  /** Events that are not what was sealed, or not of the user that is named. What rests on them is unknown, and left out of the lists above. */
  contradicting: number[];
  /** Whether the checkpoint covers the evidence and, for anything but a yes, all that happened up to the instant. */
  sealed: boolean;
  /** Null: not sealed yet. */
  checkpoint: SealedBy | null;
}

/**
 * Answers from the ledger alone, as of `askedAt`.
 *
 * @throws SessionLedgerError ERR_INSTANT_IN_FUTURE, ERR_NOT_SETTLED
 */
export async function loginStateAt(executor: Executor, asked: PointAsked, askedAt: Instant): Promise<LoginState> {
  const { userId, scope, knownAt } = asked;
  const at = asked.at ?? askedAt;
  refuseFuture(at, askedAt, 'at');
  const coverage = await readCoverage(executor, knownAt, scope.applications);
  refuseUnsettled(knownAt, coverage.horizon);
  const question = { realm: scope.realm, userId, at, longestSeconds: longestSecondsAt(coverage, at) };
  const [found] = await loginStates(executor, [question], { knownAt, applications: scope.applications });
  const { candidates } = found!;
  const live = candidates.filter(({ isLive }) => isLive).map(({ sessionId }) => sessionId);
  const read = await sessionSummaries(executor, live, knownAt, knownAt ?? askedAt);
  const summaries = read.map(({ summary }) => summary);
  const others = summaries.flatMap((summary) => summary.evidence);
  const judged = await judge(executor, found!, coverage, others);
  const verdict = verdictOn(at, coverage, found!, judged);
  const believed = new Set(judged.trusted.map(({ sessionId }) => sessionId));
  const facts = await sessionsAt(
    executor,
    live.filter((sessionId) => believed.has(sessionId)),
    at,
    knownAt,
  );
  const shown = evidenceOf(candidates, judged.trusted, verdict);
  const settled = at <= coverage.horizon;
  const checkpoint = await checkpointOf(executor, { at, settled }, verdict, shown, judged);
  return {
    userId,
    realm: scope.realm,
    at,
    knownAt,
    answer: verdict.answer,
    reason: verdict.reason,
    settled,
    applications: verdict.applications,
    sessions: facts.filter(({ isImpersonation }) => !isImpersonation).map(ownSession),
    impersonations: facts.filter(({ isImpersonation }) => isImpersonation).map(({ session }) => session),
    evidence: shown.evidence,
    evidenceOmitted: shown.omitted,
    later: { sessions: laterOf(facts, summaries, judged) },
    contradicting: judged.compared.contradicting,
    sealed: checkpoint !== null,
    checkpoint,
  };
}

/** The verdict on what was found: one rule for the single question and for lists of them. */
export function verdictOn(
  at: Instant,
  coverage: Coverage,
  { isStranger }: LoginStateFound,
  { trusted, isBroken }: Pick<Judged, 'trusted' | 'isBroken'>,
): Verdict {
  const isLive = trusted.some((candidate) => candidate.isLive && !candidate.isImpersonation);
  return verdictAt(at, coverage, { isLive, isBroken, isStranger });
}

/** A yes is sealed by what it shows; anything else, by every event that could make it one having been sealed as well. */
async function checkpointOf(
  executor: Executor,
  { at, settled }: { at: Instant; settled: boolean },
  verdict: Verdict,
  { evidence }: { evidence: readonly Evidence[] },
  { compared, rows }: Judged,
): Promise<SealedBy | null> {
  if (verdict.answer === 'logged_in') return compared.areSealed(evidence) ? checkpointOver(executor, evidence) : null;
  return settled && compared.areSealed(rows) ? checkpointOver(executor, rows, at) : null;
}

function laterOf(
  facts: readonly SessionFactsAt[],
  summaries: readonly SessionSummary[],
  { compared }: Judged,
): SessionLater[] {
  const firstUses = new Map(facts.map(({ session, firstUseAfter }) => [session.sessionId, firstUseAfter]));
  return summaries
    .filter(({ sessionId }) => firstUses.has(sessionId))
    .map((summary) => {
      const { sessionId, state, endedAt, endReason } = asCompared(summary, compared);
      return { sessionId, firstUseAfter: firstUses.get(sessionId) ?? null, state, endedAt, endReason };
    });
}
