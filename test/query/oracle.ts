/*
 * "Was this user logged in at T?", answered a second time and by other means: plain lists walked one by one, whole
 * microseconds as bigint, no SQL and nothing from src/. It says what ARCHITECTURE.md says of "live at T" as literally
 * as it can, and is slow for it. Where it and the ledger disagree, one of the two is wrong.
 */

export type SessionKind = 'created' | 'used' | 'renewed' | 'revoked' | 'expired';

/** One event of a session; instants in microseconds since 1970 UTC. */
export interface PlainEvent {
  seq: number;
  sessionSeq: number;
  kind: SessionKind;
  occurredAt: bigint;
  recordedAt: bigint;
  /** The deadline that held after it; null for `revoked` and `expired`. */
  expiresAt: bigint | null;
}

export interface PlainSession {
  sessionId: string;
  userId: string;
  application: string;
  /** Who acted as the user; null when the user did. */
  actorUserId: string | null;
  events: PlainEvent[];
}

/** An event of the ledger itself. */
export interface LedgerFact {
  seq: number;
  occurredAt: bigint;
  recordedAt: bigint;
}

export interface PlainLedger {
  /** Users with a subject of their own, whether or not a session of theirs was ever opened. */
  subjects: string[];
  applications: (LedgerFact & { name: string })[];
  policies: (LedgerFact & { absoluteSeconds: number })[];
  gaps: (LedgerFact & { from: bigint; to: bigint })[];
  sessions: PlainSession[];
}

export interface PlainQuestion {
  userId: string;
  at: bigint;
  /** Null: from all that is recorded. */
  knownAt: bigint | null;
  /** Omitted: every application. */
  application?: string;
}

export interface PlainAnswer {
  answer: 'logged_in' | 'not_logged_in' | 'unknown';
  reason: 'no_such_user' | 'before_ledger' | 'gap' | null;
  /** Ids of the live sessions, sorted. */
  sessions: string[];
  /** Ids of the sessions in which somebody else acted as the user, sorted. */
  impersonations: string[];
  /** The seqs the answer rests on, ascending. */
  evidence: number[];
}

/** What the answer must be. */
export function answerOf(ledger: PlainLedger, question: PlainQuestion): PlainAnswer {
  const seen = asKnownAt(ledger, question);
  const absence = hasBeenSeen(ledger, question) ? null : 'no_such_user';
  const live = seen.sessions.filter((session) => isLiveAt(session, question.at));
  const own = live.filter((session) => session.actorUserId === null);
  const gaps = seen.gaps.filter((gap) => gap.from <= question.at && question.at < gap.to);
  const isCovered = seen.applications.some((application) => application.occurredAt <= question.at);
  const answer = own.length > 0 ? 'logged_in' : isCovered && gaps.length === 0 ? 'not_logged_in' : 'unknown';
  return {
    answer,
    reason: answer === 'logged_in' ? null : !isCovered ? 'before_ledger' : gaps.length > 0 ? 'gap' : absence,
    sessions: own.map(({ sessionId }) => sessionId).sort(),
    impersonations: live
      .filter(({ actorUserId }) => actorUserId !== null)
      .map(({ sessionId }) => sessionId)
      .sort(),
    evidence: evidenceOf(seen, question.at, answer, isCovered ? gaps : []),
  };
}

/** The ledger as it stood at K, and only what the question is about. */
function asKnownAt(ledger: PlainLedger, { userId, knownAt, application }: PlainQuestion): PlainLedger {
  const isKnown = ({ recordedAt }: { recordedAt: bigint }): boolean => knownAt === null || recordedAt <= knownAt;
  return {
    applications: ledger.applications.filter((fact) => isKnown(fact) && (application ?? fact.name) === fact.name),
    subjects: ledger.subjects,
    policies: ledger.policies.filter(isKnown),
    gaps: ledger.gaps.filter(isKnown),
    sessions: ledger.sessions
      .filter((session) => session.userId === userId && (application ?? session.application) === session.application)
      .map((session) => ({ ...session, events: session.events.filter(isKnown) }))
      .filter(({ events }) => events.length > 0),
  };
}

/**
 * "A session is live at T when its last event (by session_seq) with occurred_at <= T is not terminal and T < expires_at
 * of that event."
 */
export function isLiveAt(session: PlainSession, at: bigint): boolean {
  const last = lastOf(session.events, at);
  if (last === undefined || last.kind === 'revoked' || last.kind === 'expired') return false;
  return last.expiresAt !== null && at < last.expiresAt;
}

/** The last event at or before T that decides: `expired` only repeats a deadline already carried, and comes late. */
export function decidingEvent(session: PlainSession, at: bigint): PlainEvent | undefined {
  return lastOf(
    session.events.filter(({ kind }) => kind !== 'expired'),
    at,
  );
}

function lastOf(events: PlainEvent[], at: bigint): PlainEvent | undefined {
  let last: PlainEvent | undefined;
  for (const event of events) {
    if (event.occurredAt <= at && (last === undefined || event.sessionSeq > last.sessionSeq)) last = event;
  }
  return last;
}

/** A user is known by any session in any application; as known at K, by one that was recorded by then. */
function hasBeenSeen({ sessions, subjects }: PlainLedger, { userId, knownAt }: PlainQuestion): boolean {
  if (knownAt === null) return subjects.includes(userId);
  return sessions.some((session) => session.userId === userId && session.events[0]!.recordedAt <= knownAt);
}

/** A no shows the newest events only. */
const mostForNo = 100;

/** A yes rests on what its sessions are and on the event that decided; a no on what decided against each candidate, and an unknown on the gaps too. */
function evidenceOf(seen: PlainLedger, at: bigint, answer: PlainAnswer['answer'], gaps: LedgerFact[]): number[] {
  if (answer === 'logged_in') {
    return seqsOf(
      seen.sessions.filter((session) => isLiveAt(session, at)).flatMap((session) => foundations(session, at)),
    );
  }
  const deciding = seqsOf(candidatesAt(seen, at).map((session) => decidingEvent(session, at)));
  return [...deciding.slice(-mostForNo), ...seqsOf(gaps)].sort((one, other) => one - other);
}

function foundations(session: PlainSession, at: bigint): (PlainEvent | undefined)[] {
  const ofKind = (kind: SessionKind): PlainEvent[] => session.events.filter((event) => event.kind === kind);
  return [ofKind('created')[0], lastOf(ofKind('renewed'), at), decidingEvent(session, at)];
}

function seqsOf(events: ({ seq: number } | undefined)[]): number[] {
  const seqs = events.flatMap((event) => (event === undefined ? [] : [event.seq]));
  return [...new Set(seqs)].sort((one, other) => one - other);
}

/** Sessions that could be live at T: created or renewed in (T-L, T]. */
function candidatesAt(seen: PlainLedger, at: bigint): PlainSession[] {
  const longest = longestLifetimeAt(seen, at);
  return seen.sessions.filter((session) =>
    session.events.some(
      ({ kind, occurredAt }) =>
        (kind === 'created' || kind === 'renewed') && occurredAt > at - longest && occurredAt <= at,
    ),
  );
}

/** L at T: of the policies set by then. One set later allowed no session of that time, and must not change what a settled answer rests on. */
function longestLifetimeAt({ policies }: PlainLedger, at: bigint): bigint {
  const allowed = policies.filter(({ occurredAt }) => occurredAt <= at).map(({ absoluteSeconds }) => absoluteSeconds);
  return BigInt(Math.max(0, ...allowed)) * 1_000_000n;
}

/** A stretch [from, to) over which answer and reason are the same. */
export interface PlainInterval extends Pick<PlainAnswer, 'answer' | 'reason'> {
  from: bigint;
  to: bigint;
}

/** The partition of [from, to) into the longest stretches of one answer for one reason. */
export function answersOver(
  ledger: PlainLedger,
  question: Omit<PlainQuestion, 'at'>,
  from: bigint,
  to: bigint,
): PlainInterval[] {
  const starts = [from, ...boundariesOf(ledger, question.userId).filter((at) => at > from && at < to)];
  const intervals: PlainInterval[] = [];
  starts.forEach((at, index) => {
    const { answer, reason } = answerOf(ledger, { ...question, at });
    const end = starts[index + 1] ?? to;
    const last = intervals.at(-1);
    if (last?.answer === answer && last.reason === reason) last.to = end;
    else intervals.push({ from: at, to: end, answer, reason });
  });
  return intervals;
}

/** Every instant at which an answer about the user may change, ascending, each once. */
export function boundariesOf(ledger: PlainLedger, userId: string): bigint[] {
  const instants = [
    ...ledger.applications.map(({ occurredAt }) => occurredAt),
    ...ledger.gaps.flatMap(({ from, to }) => [from, to]),
    ...ledger.sessions
      .filter((session) => session.userId === userId)
      .flatMap(({ events }) => events)
      .flatMap(({ occurredAt, expiresAt }) => (expiresAt === null ? [occurredAt] : [occurredAt, expiresAt])),
  ];
  return [...new Set(instants)].sort((one, other) => (one < other ? -1 : 1));
}
