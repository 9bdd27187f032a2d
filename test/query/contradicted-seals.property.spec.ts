import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { instantFromMicroseconds, microsecondsOf } from '../../src/ledger/instant.js';
import { LoginHistory } from '../../src/query/login-history.js';
import { Sealer } from '../../src/seal/sealer.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { answerOf, boundariesOf, type PlainEvent, type PlainSession } from './oracle.js';
import { randomLedger, type RandomLedger } from './random-history.js';
import { writeLedger, type WrittenLedger } from './written-ledger.js';

const asking = { askedBy: 'test' };

/** What the owner does to one event. A list compares rows that decide; only a question about one user looks at the event behind too. */
interface Change {
  says: string;
  isSeenInLists: boolean;
  isPossible(event: PlainEvent, session: PlainSession): boolean;
  statement(seq: number): string;
}

const isLast = ({ sessionSeq }: PlainEvent, { events }: PlainSession): boolean => sessionSeq === events.length;
const update = (what: string) => (seq: number) => `UPDATE session_ledger.event SET ${what} WHERE seq = ${seq}`;
const isOpen = ({ expiresAt }: PlainEvent): boolean => expiresAt !== null;
const changes: Change[] = [
  {
    says: 'a later deadline',
    isSeenInLists: true,
    isPossible: isOpen,
    statement: update(
      "expires_at = expires_at + interval '2 hours', absolute_expires_at = absolute_expires_at + interval '2 hours'",
    ),
  },
  {
    says: 'an earlier deadline',
    isSeenInLists: true,
    isPossible: isOpen,
    statement: update('expires_at = occurred_at + (expires_at - occurred_at) / 2'),
  },
  {
    says: 'a use made a logout',
    isSeenInLists: true,
    isPossible: ({ kind }) => kind === 'used',
    statement: update("kind = 'revoked', reason = 'logout', expires_at = NULL"),
  },
  {
    says: 'a logout made a use',
    isSeenInLists: true,
    isPossible: ({ kind }) => kind === 'revoked',
    statement: update("kind = 'used', reason = NULL, expires_at = occurred_at + interval '1 hour'"),
  },
  {
    says: 'a session made somebody else’s',
    isSeenInLists: true,
    isPossible: ({ kind }) => kind === 'created',
    statement: update('actor_id = CASE WHEN actor_id IS NULL THEN subject_id END'),
  },
  {
    says: 'a logout that never was',
    isSeenInLists: true,
    isPossible: ({ kind }) => kind !== 'revoked' && kind !== 'expired',
    statement: (seq) =>
      `INSERT INTO session_ledger.event (seq, bucket, session_id, session_seq, kind, occurred_at, recorded_at, reason, recorded_by)
       SELECT 7, bucket, session_id, session_seq + 1, 'revoked', occurred_at, recorded_at, 'logout', 1 FROM session_ledger.event WHERE seq = ${seq}`,
  },
  {
    says: 'an event moved within its session',
    isSeenInLists: false,
    isPossible: (event, session) =>
      ['used', 'revoked'].includes(event.kind) && (event.kind === 'revoked' || !isLast(event, session)),
    statement: update(
      "occurred_at = occurred_at + interval '20 seconds', recorded_at = recorded_at + interval '20 seconds', expires_at = expires_at + interval '20 seconds'",
    ),
  },
  {
    says: 'a use removed that is not the last event',
    isSeenInLists: false,
    isPossible: (event, session) => event.kind === 'used' && !isLast(event, session) && !isFollowedLate(event, session),
    statement: (seq) => `DELETE FROM session_ledger.event WHERE seq = ${seq}`,
  },
];

/** An `expired` that was recorded days late is no follower. */
function isFollowedLate({ sessionSeq }: PlainEvent, { events }: PlainSession): boolean {
  return events[sessionSeq]!.kind === 'expired';
}

describe('whatever the owner does to a sealed event, no answer is wrong without a word', () => {
  let alarms = 0;
  beforeAll(() => Logger.overrideLogger({ log: () => undefined, warn: () => undefined, error: () => (alarms += 1) }));
  afterAll(() => Logger.overrideLogger(true));

  it('each is as before, or unknown for integrity: at an instant, over a range, and in a list', async () => {
    let asked = 0;
    let unknown = 0;
    await fc.assert(
      fc.asyncProperty(randomLedger, fc.infiniteStream(fc.nat()), async (ledger, choices) => {
        const written = await writeLedger(ledger);
        const choose = <Item>(items: Item[]): Item => items[choices.next().value! % items.length]!;
        try {
          await seal(written);
          for (const change of changes) {
            const possible = ledger.sessions.flatMap((session) =>
              session.events.filter((event) => change.isPossible(event, session)).map((event) => ({ session, event })),
            );
            for (const { session, event } of [1, 2, 3].flatMap(() => (possible.length > 0 ? [choose(possible)] : []))) {
              await changeAsOwner(written, change.statement(event.seq));
              const answers = await answersAbout(written, ledger, session.userId, choose, change.isSeenInLists);
              asked += answers.length;
              unknown += answers.filter(({ reason }) => reason === 'integrity').length;
              const wrong = answers.filter(({ reason, answer, truth }) => reason !== 'integrity' && answer !== truth);
              const found = { change: change.says, event, wrong: wrong.slice(0, 2) };
              expect(found).toEqual({ ...found, wrong: [] });
              await putBack(written);
            }
          }
        } finally {
          await written.close();
        }
      }),
      { numRuns: 4, endOnFailure: true, interruptAfterTimeLimit: 100_000, markInterruptAsFailure: true },
    );
    expect(asked).toBeGreaterThan(500);
    expect(unknown).toBeGreaterThan(50);
    expect(alarms).toBeGreaterThan(10);
  }, 120_000);
});

interface Answered {
  how: string;
  at: string;
  answer: string;
  reason: string | null;
  truth: string;
}

async function answersAbout(
  { reader }: WrittenLedger,
  ledger: RandomLedger,
  userId: string,
  choose: <Item>(items: Item[]) => Item,
  inLists: boolean,
): Promise<Answered[]> {
  const history = new LoginHistory(reader);
  const instants = [...new Set(boundariesOf(ledger, userId).flatMap((at) => [at - 1n, at, at + 1n]))];
  const truthAt = (at: bigint): string => answerOf(ledger, { userId, at, knownAt: null }).answer;
  const answered = (
    how: string,
    at: bigint,
    { answer, reason }: { answer: string; reason: string | null },
  ): Answered => ({
    how,
    at: instantFromMicroseconds(at),
    answer,
    reason,
    truth: truthAt(at),
  });
  const answers: Answered[] = [];
  for (let nth = 0; nth < 6; nth += 1) {
    const at = choose(instants);
    answers.push(
      answered('alone', at, await history.loginStateAt({ userId, at: instantFromMicroseconds(at) }, asking)),
    );
  }
  const [from, to] = [instants[0]!, instants.reduce((one, other) => (one > other ? one : other))];
  const range = { userId, from: instantFromMicroseconds(from), to: instantFromMicroseconds(to) };
  const { intervals } = await history.loginStateOver(range, asking);
  for (const at of instants.filter((each) => each >= from && each < to)) {
    const interval = intervals.find((each) => microsecondsOf(each.from) <= at && at < microsecondsOf(each.to))!;
    answers.push(answered('over a range', at, interval));
  }
  if (!inLists) return answers;
  async function* list(): AsyncGenerator<{ userId: string; at: string; asked: bigint }> {
    for (const at of instants) yield { userId, at: instantFromMicroseconds(at), asked: at };
  }
  for await (const { row, answer } of history.answerBatch(list(), asking))
    answers.push(answered('in a list', row.asked, answer as { answer: string; reason: string | null }));
  return answers;
}

async function seal({ url, superuser }: WrittenLedger): Promise<void> {
  await superuser.query(`SELECT setval('session_ledger.event_seq_seq', 1000000)`);
  await superuser.query('CREATE TABLE public.untouched AS SELECT * FROM session_ledger.event');
  // No CHECK is in the way of an owner either.
  await superuser.query(
    'ALTER TABLE session_ledger.event DROP CONSTRAINT event_shape, DROP CONSTRAINT event_recorded_promptly',
  );
  const signingKeys = [SigningKey.generate('random.example/ledger').toPem()];
  const sealer = new Sealer({
    url,
    role: 'sealer',
    signingKeys,
    places: [],
    onFailure: (failure) => expect(failure).toBeUndefined(),
  });
  await sealer.sealOnce();
  await sealer.stop();
}

async function changeAsOwner({ superuser }: WrittenLedger, statement: string): Promise<void> {
  await superuser.query('BEGIN; ALTER TABLE session_ledger.event DISABLE TRIGGER ALL');
  await superuser.query(statement);
  await superuser.query('ALTER TABLE session_ledger.event ENABLE TRIGGER ALL; COMMIT');
}

async function putBack({ superuser }: WrittenLedger): Promise<void> {
  await superuser.query(`
    BEGIN;
    ALTER TABLE session_ledger.event DISABLE TRIGGER ALL;
    DELETE FROM session_ledger.event;
    INSERT INTO session_ledger.event OVERRIDING SYSTEM VALUE SELECT * FROM public.untouched;
    ALTER TABLE session_ledger.event ENABLE TRIGGER ALL;
    COMMIT`);
}
