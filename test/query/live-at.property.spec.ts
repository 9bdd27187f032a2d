import fc from 'fast-check';
import { askAlone, askEveryone, askFunctions, askOver, askTogether, type LastEventAsked } from './asked-ledger.js';
import { answerOf, answersOver, boundariesOf, decidingEvent, isLiveAt, type PlainQuestion } from './oracle.js';
import { randomLedger, seconds, type RandomLedger } from './random-history.js';
import { writeLedger, type WrittenLedger } from './written-ledger.js';

/*
 * Each run makes up a ledger of up to 200 users, writes it into a database of its own, and asks about every user at every
 * instant at which the answer could change, and 1 microsecond to both sides of it.
 */

const runs = 16;
const leastHistories = 2_000;
const timeout = 240_000;
// Making a counterexample small ends here, so that what was found is reported instead of a timeout.
const within = { interruptAfterTimeLimit: 200_000, markInterruptAsFailure: true };

async function withLedger<Result>(
  ledger: RandomLedger,
  ask: (written: WrittenLedger) => Promise<Result>,
): Promise<Result> {
  const written = await writeLedger(ledger);
  try {
    return await ask(written);
  } finally {
    await written.close();
  }
}

/** The instants worth asking about: each boundary, and 1 microsecond before and after it. */
function instantsAround(ledger: RandomLedger, userId: string): bigint[] {
  const lifetimes = ledger.policies.map(({ absoluteSeconds }) => seconds(absoluteSeconds));
  const openings = ledger.sessions
    .filter((session) => session.userId === userId)
    .flatMap(({ events }) => events.filter(({ kind }) => kind === 'created' || kind === 'renewed'));
  const windowEnds = openings.flatMap(({ occurredAt }) => lifetimes.map((lifetime) => occurredAt + lifetime));
  const instants = [...boundariesOf(ledger, userId), ...windowEnds].flatMap((at) => [at - 1n, at, at + 1n]);
  return [...new Set(instants)];
}

/** Times as of which to ask: when something of the user or of the ledger became known, and just before. */
function knownAtsOf(ledger: RandomLedger): bigint[] {
  const recorded = [...ledger.gaps, ...ledger.applications, ...ledger.sessions.flatMap(({ events }) => events)].map(
    ({ recordedAt }) => recordedAt,
  );
  const spread = recorded.filter((_, index) => index % Math.ceil(recorded.length / 5) === 0);
  return [...new Set(spread.flatMap((at) => [at, at - 1n]))].slice(0, 6);
}

function questionsAbout(ledger: RandomLedger): PlainQuestion[] {
  const times = [null, ...knownAtsOf(ledger)];
  return ledger.users.flatMap((userId) =>
    instantsAround(ledger, userId).flatMap((at, index) => [
      { userId, at, knownAt: null },
      index % 3 === 0
        ? { userId, at, knownAt: null, application: index % 2 === 0 ? 'web' : 'app' }
        : { userId, at, knownAt: times[index % times.length]! },
    ]),
  );
}

/** The first questions that were answered otherwise than the oracle answers them. */
async function disagreements(ledger: RandomLedger, { reader }: WrittenLedger): Promise<object[]> {
  const questions = questionsAbout(ledger);
  const answers = await askTogether(reader, questions);
  const sessionsOf = new Map(ledger.users.map((userId) => [userId, sessionsOfUser(ledger, userId)]));
  return questions
    .map((question, index) => {
      // Only for speed: the oracle would pass over the sessions of others itself.
      const sessions = sessionsOf.get(question.userId)!;
      return { question, answered: answers[index], expected: answerOf({ ...ledger, sessions }, question) };
    })
    .filter(({ answered, expected }) => JSON.stringify(answered) !== JSON.stringify(expected))
    .slice(0, 2);
}

function sessionsOfUser({ sessions }: RandomLedger, userId: string): RandomLedger['sessions'] {
  return sessions.filter((session) => session.userId === userId);
}

describe('promise 4: "live at T" is one rule, and an oracle that shares no code with it agrees', () => {
  let asked = 0;
  let histories = 0;

  it(
    'answers as the oracle does on, 1 microsecond before and 1 microsecond after every boundary, as known now and then',
    async () => {
      const agrees = fc.asyncProperty(randomLedger, async (ledger) => {
        histories += ledger.sessions.length;
        asked += questionsAbout(ledger).length;
        expect(await withLedger(ledger, (written) => disagreements(ledger, written))).toEqual([]);
      });
      // How many sessions a ledger has is chance; that there were enough of them is not.
      const made = async (): Promise<number> => {
        await fc.assert(agrees, { numRuns: runs / 4, ...within });
        return histories;
      };
      while ((await made()) < leastHistories);
      expect(asked).toBeGreaterThan(20 * histories);
    },
    timeout,
  );

  it(
    'finds the deciding event of each session, and whether it is live, in SQL as in the oracle',
    async () => {
      await fc.assert(
        fc.asyncProperty(randomLedger, async (ledger) => {
          const asked: (LastEventAsked & { expected: object })[] = ledger.sessions.flatMap((session) =>
            instantsAround({ ...ledger, sessions: [session] }, session.userId).flatMap((at) =>
              [null, session.events[0]!.recordedAt, session.events.at(-1)!.recordedAt - 1n].map((knownAt) => {
                const known = {
                  ...session,
                  events: session.events.filter((event) => knownAt === null || event.recordedAt <= knownAt),
                };
                const expected = { seq: decidingEvent(known, at)?.seq ?? null, isLive: isLiveAt(known, at) };
                return { sessionId: session.sessionId, at, knownAt, expected };
              }),
            ),
          );
          const found = await withLedger(ledger, ({ reader }) => askFunctions(reader, asked));
          expect(
            asked
              .filter(({ expected }, index) => JSON.stringify(expected) !== JSON.stringify(found[index]))
              .slice(0, 2),
          ).toEqual([]);
        }),
        { numRuns: runs / 4, ...within },
      );
    },
    timeout,
  );

  it(
    'answers a question alone as it does among thousands',
    async () => {
      await fc.assert(
        fc.asyncProperty(randomLedger, fc.infiniteStream(fc.nat()), async (ledger, choices) => {
          const questions = questionsAbout(ledger);
          const chosen = [...choices.take(40)].map((choice) => questions[choice % questions.length]!);
          await withLedger(ledger, async ({ reader }) => {
            for (const question of chosen)
              expect([question, await askAlone(reader, question)]).toEqual([question, answerOf(ledger, question)]);
          });
        }),
        { numRuns: runs / 4, ...within },
      );
    },
    timeout,
  );

  it(
    'answers for a range what it answers for each instant of it',
    async () => {
      await fc.assert(
        fc.asyncProperty(randomLedger, fc.infiniteStream(fc.nat()), async (ledger, choices) => {
          const times = [null, ...knownAtsOf(ledger)];
          const choose = <Item>(items: Item[]): Item => items[choices.next().value! % items.length]!;
          await withLedger(ledger, async ({ reader }) => {
            for (let nth = 0; nth < 25; nth += 1) {
              const userId = choose(ledger.users);
              const instants = instantsAround(ledger, userId).sort((one, other) => (one < other ? -1 : 1));
              const from = choose(instants);
              const to = choose(instants.filter((at) => at > from).concat(from + seconds(86_400)));
              const question = { userId, knownAt: choose(times), ...(nth % 3 === 0 ? { application: 'web' } : {}) };
              const over = await askOver(reader, question, from, to);
              expect({ question, from, to, intervals: over.intervals }).toEqual({
                question,
                from,
                to,
                intervals: answersOver(ledger, question, from, to),
              });
              for (const at of instants.filter((instant) => instant >= from && instant < to)) {
                const { sessions, impersonations } = answerOf(ledger, { ...question, at });
                expect({ question, from, to, at, ...over.sessionsAt(at) }).toEqual({
                  question,
                  from,
                  to,
                  at,
                  sessions,
                  impersonations,
                });
              }
            }
          });
        }),
        { numRuns: runs / 4, ...within },
      );
    },
    timeout,
  );

  it(
    'lists as logged in exactly those of whom it says so one by one',
    async () => {
      await fc.assert(
        fc.asyncProperty(randomLedger, fc.infiniteStream(fc.nat()), async (ledger, choices) => {
          const times = [null, ...knownAtsOf(ledger)];
          const instants = ledger.users.flatMap((userId) => instantsAround(ledger, userId));
          await withLedger(ledger, async ({ reader }) => {
            for (let nth = 0; nth < 8; nth += 1) {
              const at = instants[choices.next().value! % instants.length]!;
              const knownAt = times[nth % times.length]!;
              const expected = ledger.users
                .map((userId) => [userId, answerOf(ledger, { userId, at, knownAt })] as const)
                .filter(([, { answer }]) => answer === 'logged_in')
                .map(([userId, { sessions }]): [string, string[]] => [userId, sessions]);
              expect({ at, knownAt, everyone: await askEveryone(reader, at, knownAt) }).toEqual({
                at,
                knownAt,
                everyone: new Map(expected),
              });
            }
          });
        }),
        { numRuns: runs / 4, ...within },
      );
    },
    timeout,
  );
});

describe('the oracle notices when', () => {
  const ledger = fc
    .sample(randomLedger, { seed: 2025, numRuns: 12 })
    .filter(({ gaps, applications }) => gaps.some(({ from }) => applications.some((each) => each.occurredAt <= from)))
    .reduce((one, other) => (one.sessions.length > other.sessions.length ? one : other));
  let written: WrittenLedger;

  beforeAll(async () => {
    written = await writeLedger(ledger);
  });
  afterAll(() => written.close());

  /** What the oracle finds wrong while a function of the schema says something else. */
  async function foundWith(functionName: string, from: string, to: string): Promise<object[]> {
    const { rows } = await written.superuser.query<{ text: string }>('SELECT pg_get_functiondef($1::regproc) AS text', [
      `session_ledger.${functionName}`,
    ]);
    const { text } = rows[0]!;
    expect(text).toContain(from);
    await written.superuser.query(text.replace(from, to));
    const found = await disagreements(ledger, written);
    await written.superuser.query(text);
    return found;
  }

  it('nothing is wrong: then it finds nothing, and every kind of answer was asked for', async () => {
    expect(await foundWith('is_live', 'p_at < p_expires_at', 'p_at < p_expires_at')).toEqual([]);
    const answers = questionsAbout(ledger).map((question) => answerOf(ledger, question));
    expect([...new Set(answers.map(({ answer, reason }) => `${answer}, ${reason}`))].sort()).toEqual([
      'logged_in, null',
      'not_logged_in, no_such_user',
      'not_logged_in, null',
      'unknown, before_ledger',
      'unknown, gap',
    ]);
    expect(answers.filter(({ impersonations }) => impersonations.length > 0).length).toBeGreaterThan(20);
    expect(answers.filter(({ sessions }) => sessions.length > 1).length).toBeGreaterThan(20);
  });

  it('a session counts as live at its deadline', async () => {
    expect(await foundWith('is_live', 'p_at < p_expires_at', 'p_at <= p_expires_at')).not.toEqual([]);
  });

  it('a revoked session counts as live', async () => {
    const revoked = await foundWith('is_live', "(p_kind <> 'revoked'::text) AND", "(p_kind <> 'revoked'::text) OR");
    expect(revoked).not.toEqual([]);
  });

  it('an event counts from the microsecond after its own', async () => {
    expect(await foundWith('last_event_at', 'e.occurred_at <= p_at', 'e.occurred_at < p_at')).not.toEqual([]);
  });

  it('an expiry recorded late decides', async () => {
    expect(await foundWith('last_event_at', "AND e.kind <> 'expired'", '')).not.toEqual([]);
  });

  it('what was recorded after the instant that is asked about counts all the same', async () => {
    expect(await foundWith('last_event_at', 'least(p_known_at,', 'least(')).not.toEqual([]);
  });

  it('of two events at one instant the earlier one decides', async () => {
    expect(await foundWith('last_event_at', 'e.session_seq DESC', 'e.session_seq')).not.toEqual([]);
  });

  it('events are looked for in too short a time', async () => {
    expect(await foundWith('last_event_at', "interval '10 minutes'", "interval '1 minute'")).not.toEqual([]);
  });
});
