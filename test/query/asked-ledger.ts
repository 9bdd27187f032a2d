import type { DataSource } from 'typeorm';
import { instantFromMicroseconds, microsecondsOf } from '../../src/ledger/instant.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { longestSecondsAt, readCoverage } from '../../src/query/coverage.js';
import { loggedInAt } from '../../src/query/logged-in-at.js';
import { loginStateAt, verdictOn } from '../../src/query/login-state-at.js';
import { loginStateOver } from '../../src/query/login-state-over.js';
import { loginStates, type Candidate } from '../../src/query/login-states.js';
import { evidenceOf } from '../../src/query/rests-on.js';
import type { PlainAnswer, PlainInterval, PlainQuestion } from './oracle.js';

const realm = 'default';
const askedAt = instantFromMicroseconds(1_751_328_000_000_000n); // 2025-07-01, after all that was made up

/** Asks a list of questions as the batch does: those with the same terms in one statement. */
export async function askTogether(reader: DataSource, questions: PlainQuestion[]): Promise<PlainAnswer[]> {
  const answers: PlainAnswer[] = [];
  for (const group of byTerms(questions)) {
    const { knownAt: known, application } = group[0]!.question;
    const knownAt = known === null ? null : instantFromMicroseconds(known);
    const applications = application === undefined ? null : [application];
    const coverage = await readCoverage(reader, knownAt, applications);
    const points = group.map(({ question: { userId, at: asked } }) => {
      const at = instantFromMicroseconds(asked);
      return { realm, userId, at, longestSeconds: longestSecondsAt(coverage, at) };
    });
    const terms = { knownAt, applications };
    const found = await loginStates(reader, points, terms);
    group.forEach(({ position }, index) => {
      const state = found[index]!;
      const judged = { trusted: state.candidates, isBroken: false };
      const verdict = verdictOn(points[index]!.at, coverage, state, judged);
      const live = state.candidates.filter(({ isLive }) => isLive);
      answers[position] = {
        answer: verdict.answer,
        reason: verdict.reason as PlainAnswer['reason'],
        sessions: idsOf(live.filter(({ isImpersonation }) => !isImpersonation)),
        impersonations: idsOf(live.filter(({ isImpersonation }) => isImpersonation)),
        evidence: evidenceOf(state.candidates, state.candidates, verdict).evidence.map(({ seq }) => seq),
      };
    });
  }
  return answers;
}

interface Placed {
  position: number;
  question: PlainQuestion;
}

function byTerms(questions: PlainQuestion[]): Placed[][] {
  const groups = new Map<string, Placed[]>();
  questions.forEach((question, position) => {
    const key = `${question.knownAt} ${question.application}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ position, question }]);
    else group.push({ position, question });
  });
  return [...groups.values()];
}

/** Asks one question alone, as a person does. */
export async function askAlone(reader: DataSource, question: PlainQuestion): Promise<PlainAnswer> {
  const { userId, at, knownAt, application } = question;
  const asked = {
    userId,
    scope: { realm, applications: application === undefined ? null : [application] },
    at: instantFromMicroseconds(at),
    knownAt: knownAt === null ? null : instantFromMicroseconds(knownAt),
  };
  const state = await loginStateAt(reader, asked, askedAt);
  return {
    answer: state.answer,
    reason: state.reason as PlainAnswer['reason'],
    sessions: idsOf(state.sessions),
    impersonations: idsOf(state.impersonations),
    evidence: state.evidence.map(({ seq }) => seq),
  };
}

/** When a user was logged in, and what the lists of sessions say for each instant. */
export interface AnswerOver {
  intervals: PlainInterval[];
  /** The sessions whose time in the range holds the instant. */
  sessionsAt(at: bigint): Pick<PlainAnswer, 'sessions' | 'impersonations'>;
}

/** Asks about a range. */
export async function askOver(
  reader: DataSource,
  { userId, knownAt, application }: Omit<PlainQuestion, 'at'>,
  from: bigint,
  to: bigint,
): Promise<AnswerOver> {
  const asked = {
    userId,
    scope: { realm, applications: application === undefined ? null : [application] },
    from: instantFromMicroseconds(from),
    to: instantFromMicroseconds(to),
    knownAt: knownAt === null ? null : instantFromMicroseconds(knownAt),
  };
  const state = await loginStateOver(reader, asked, askedAt);
  return {
    intervals: state.intervals.map(({ from: start, to: end, answer, reason }) => ({
      from: microsecondsOf(start),
      to: microsecondsOf(end),
      answer,
      reason: reason as PlainAnswer['reason'],
    })),
    sessionsAt: (at) => {
      const instant = instantFromMicroseconds(at);
      const holds = ({ live }: (typeof state.sessions)[number]): boolean =>
        live.some((span) => span.from <= instant && instant < span.to);
      return {
        sessions: idsOf(state.sessions.filter(holds)),
        impersonations: idsOf(state.impersonations.filter(holds)),
      };
    },
  };
}

/** Everyone logged in at an instant with their sessions, read page by page. */
export async function askEveryone(
  reader: DataSource,
  at: bigint,
  knownAt: bigint | null,
): Promise<Map<string, string[]>> {
  const everyone = new Map<string, string[]>();
  let after: string | undefined;
  do {
    const asked = {
      scope: { realm, applications: null },
      at: instantFromMicroseconds(at),
      knownAt: knownAt === null ? null : instantFromMicroseconds(knownAt),
      after,
      limit: 7,
    };
    const page = await loggedInAt(reader, asked, askedAt);
    for (const { userId, sessions } of page.items) everyone.set(userId, idsOf(sessions));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return everyone;
}

/** What the two SQL functions alone say about sessions at instants. */
export interface LastEventAsked {
  sessionId: string;
  at: bigint;
  knownAt: bigint | null;
}

const lastEventsSql = `
SELECT d.seq, coalesce(session_ledger.is_live(d.kind, d.expires_at, q.at), false) AS "isLive"
  FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS q(session_id, at, known_at, position)
  LEFT JOIN LATERAL session_ledger.last_event_at((get_byte(uuid_send(q.session_id), 15) & 63)::smallint, q.session_id, q.at, q.known_at,
                                                 '-infinity') d ON true
 ORDER BY q.position`;

export async function askFunctions(
  reader: DataSource,
  asked: LastEventAsked[],
): Promise<{ seq: number | null; isLive: boolean }[]> {
  const values = [
    asked.map(({ sessionId }) => sessionId),
    asked.map(({ at }) => instantFromMicroseconds(at)),
    asked.map(({ knownAt }) => (knownAt === null ? 'infinity' : instantFromMicroseconds(knownAt))),
  ];
  return queryRows(reader, { name: 'test_last_events', text: lastEventsSql, values });
}

function idsOf(sessions: readonly Pick<Candidate, 'sessionId'>[]): string[] {
  return sessions.map(({ sessionId }) => sessionId).sort();
}
