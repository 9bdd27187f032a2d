import { instantFromMicroseconds, microsecondsOf, type Instant } from '../../src/ledger/instant.js';
import type { LoggedInPage } from '../../src/query/logged-in-at.js';
import type { LoginState } from '../../src/query/login-state-at.js';
import type { LoginStateOver } from '../../src/query/login-state-over.js';
import { anyOf, BusyBank } from './busy-bank.js';
import { answerOf, answersOver, boundariesOf } from './oracle.js';

const asking = { askedBy: 'ann' };
const busyMilliseconds = 6_000;
/** On a machine that is slow for the moment, it takes longer to have asked in every way. */
const fewestQuestions = 40;

/** What a settled answer keeps for ever: all but what came later, and but that a stranger may come to be known. */
function settledPartOf(state: LoginState): object {
  return { ...state, later: null, reason: state.reason === 'no_such_user' ? null : state.reason };
}

/** Likewise over a range. */
function settledPartOfRange({ intervals, ...state }: LoginStateOver): object {
  const known = intervals.map(({ reason, ...interval }) => ({
    ...interval,
    reason: reason === 'no_such_user' ? null : reason,
  }));
  return { ...state, intervals: known };
}

describe('a settled answer', () => {
  let bank: BusyBank;
  const given: LoginState[] = [];
  const givenOver: LoginStateOver[] = [];
  const givenOfEveryone: LoggedInPage[] = [];

  beforeAll(async () => {
    bank = await BusyBank.open();
  });
  afterAll(() => bank.close());

  async function askAgain({ userId, at, knownAt }: LoginState): Promise<LoginState> {
    return bank.history.loginStateAt({ userId, at, ...(knownAt === null ? {} : { knownAt }) }, asking);
  }

  async function askAgainOver({ userId, from, to, knownAt }: LoginStateOver): Promise<LoginStateOver> {
    return bank.history.loginStateOver({ userId, from, to, ...(knownAt === null ? {} : { knownAt }) }, asking);
  }

  async function askAgainOfEveryone({ at }: LoggedInPage): Promise<LoggedInPage> {
    return bank.history.loggedInAt({ at }, asking);
  }

  async function askOver(userId: string, horizon: Instant): Promise<void> {
    const [one, other] = [await settledInstant(userId, horizon), await settledInstant(userId, horizon)].sort();
    if (one === other) return;
    const range = { userId, from: one!, to: other! };
    givenOver.push(await bank.history.loginStateOver(range, asking));
    const earlier = anyOf(givenOver)!;
    expect(settledPartOfRange(await askAgainOver(earlier))).toEqual(settledPartOfRange(earlier));
  }

  async function askOfEveryone(at: Instant): Promise<void> {
    givenOfEveryone.push(await bank.history.loggedInAt({ at }, asking));
    const earlier = anyOf(givenOfEveryone)!;
    expect(await askAgainOfEveryone(earlier)).toEqual(earlier);
  }

  /** An instant up to the horizon at which something happened to the user, or close to it. */
  async function settledInstant(userId: string, horizon: Instant): Promise<Instant> {
    const beside = anyOf([-1n, 0n, 1n])!;
    const edges = boundariesOf(await bank.recorded(), userId).map((at) => at + beside);
    const settled = edges.filter((at) => at <= microsecondsOf(horizon));
    // The newest as often as all others together: what is recorded late is late by a moment.
    const [newest, any] = [anyOf(settled.slice(-5)), anyOf(settled)];
    return newest === undefined ? horizon : instantFromMicroseconds(Math.random() < 0.5 ? newest : any!);
  }

  it('is given again unchanged while sessions are opened, used, renewed and revoked', async () => {
    bank.start();
    const until = performance.now() + busyMilliseconds;
    while (performance.now() < until || given.length < fewestQuestions) {
      const userId = anyOf(bank.userIds)!;
      const horizon = await bank.horizon();
      const at = await settledInstant(userId, horizon);
      const knownAt = anyOf([null, null, horizon])!;
      const state = await bank.history.loginStateAt({ userId, at, ...(knownAt === null ? {} : { knownAt }) }, asking);
      expect(state.settled).toBe(true);
      given.push(state);
      const earlier = anyOf(given)!;
      expect(settledPartOf(await askAgain(earlier))).toEqual(settledPartOf(earlier));
      if (given.length % 3 === 1) await askOver(userId, horizon);
      if (given.length % 3 === 2) await askOfEveryone(at);
    }
    for (const answers of [givenOver, givenOfEveryone]) {
      expect(answers.length).toBeGreaterThan(3);
      expect(answers.every(({ settled }) => settled)).toBe(true);
    }
    expect(new Set(given.map(({ answer }) => answer))).toContain('logged_in');
    expect(new Set(given.map(({ answer }) => answer))).toContain('not_logged_in');
  });

  it('is given again unchanged after all of it, one by one and in a list', async () => {
    await bank.stop();
    for (const state of given) expect(settledPartOf(await askAgain(state))).toEqual(settledPartOf(state));
    const ofNow = given.filter(({ knownAt }) => knownAt === null);
    let nth = 0;
    for await (const { answer } of bank.history.answerBatch(listed(ofNow), asking)) {
      const { userId, at, answer: verdict, sessions, evidence } = ofNow[nth++]!;
      expect({ userId, at, ...answer }).toMatchObject({
        answer: verdict,
        settled: true,
        sessionIds: sessions.map(({ sessionId }) => sessionId),
        evidenceSeqs: evidence.map(({ seq }) => seq),
      });
    }
    expect(nth).toBe(ofNow.length);
  });

  it('over a range, and of everyone, is given again unchanged after all of it, and is what the oracle says', async () => {
    const recorded = await bank.recorded();
    for (const state of givenOver) {
      expect(settledPartOfRange(await askAgainOver(state))).toEqual(settledPartOfRange(state));
      const { userId, from, to, intervals } = state;
      const expected = answersOver(recorded, { userId, knownAt: null }, microsecondsOf(from), microsecondsOf(to));
      expect(intervals.map(({ from: begun, answer }) => [microsecondsOf(begun), answer])).toEqual(
        expected.map(({ from: begun, answer }) => [begun, answer]),
      );
    }
    for (const page of givenOfEveryone) {
      expect(await askAgainOfEveryone(page)).toEqual(page);
      const at = microsecondsOf(page.at);
      const live = bank.userIds.filter(
        (userId) => answerOf(recorded, { userId, at, knownAt: null }).answer === 'logged_in',
      );
      expect(page.items.map(({ userId }) => userId).sort()).toEqual(live.sort());
    }
  });

  it('is what the oracle says of all that was recorded in the end', async () => {
    const recorded = await bank.recorded();
    for (const { userId, at, knownAt, answer, sessions, impersonations, evidence } of given) {
      const known = knownAt === null ? null : microsecondsOf(knownAt);
      const expected = answerOf(recorded, { userId, at: microsecondsOf(at), knownAt: known });
      expect({
        userId,
        at,
        answer,
        sessions: sessions.map(({ sessionId }) => sessionId).sort(),
        impersonations: impersonations.map(({ sessionId }) => sessionId).sort(),
        evidence: evidence.map(({ seq }) => seq),
        reason: expected.reason,
      }).toEqual({ userId, at, ...expected });
    }
  });

  it('as of an instant is whole: with knownAt, not even what came later changes', async () => {
    const states = given.filter(({ knownAt }) => knownAt !== null);
    expect(states.length).toBeGreaterThan(0);
    for (const state of states) expect(await askAgain(state)).toEqual(state);
  });
});

async function* listed(states: readonly LoginState[]): AsyncGenerator<{ userId: string; at: string }> {
  for (const { userId, at } of states) yield { userId, at };
}
