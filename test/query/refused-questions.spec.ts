import { readHorizon } from '../../src/ledger/horizon.js';
import type { LoginHistory } from '../../src/query/login-history.js';
import { ann, askBank, type AskedBank } from './asked-bank.js';

const at = '2026-03-04T02:14:00Z';

interface Refused {
  name: string;
  ask: (history: LoginHistory) => Promise<unknown>;
  code: string;
  field: string;
}

const alice = (more: object) => (history: LoginHistory) => history.loginStateAt({ userId: 'alice', ...more }, ann);
const over = (from: string, to: string) => (history: LoginHistory) =>
  history.loginStateOver({ userId: 'alice', from, to }, ann);
const everyone = (more: object) => (history: LoginHistory) => history.loggedInAt({ at, ...more }, ann);
const seenFrom = (more: object) => (history: LoginHistory) => history.clientsSeen(more, ann);

const refusals: Refused[] = [
  {
    name: 'an instant without an offset',
    ask: alice({ at: '2026-03-04T02:14:00' }),
    code: 'ERR_INVALID_INSTANT',
    field: 'at',
  },
  {
    name: 'a day that does not exist',
    ask: alice({ at: '2026-02-29T02:14:00Z' }),
    code: 'ERR_INVALID_INSTANT',
    field: 'at',
  },
  { name: 'a leap second', ask: alice({ at: '2016-12-31T23:59:60Z' }), code: 'ERR_INVALID_INSTANT', field: 'at' },
  { name: 'the year 10000', ask: alice({ at: '10000-01-01T00:00:00Z' }), code: 'ERR_INVALID_INSTANT', field: 'at' },
  { name: 'nanoseconds', ask: alice({ at: '2026-03-04T02:14:00.1234567Z' }), code: 'ERR_INVALID_INSTANT', field: 'at' },
  {
    name: 'an unknown zone',
    ask: alice({ at: '2026-03-04T02:14:00', zone: 'Mars/Base' }),
    code: 'ERR_INVALID_INPUT',
    field: 'zone',
  },
  {
    name: 'an unknown zone beside an instant that needs none',
    ask: alice({ at: '2026-03-04T02:14:00Z', zone: 'Mars/Base' }),
    code: 'ERR_INVALID_INPUT',
    field: 'zone',
  },
  {
    name: 'a local time that the clocks skipped',
    ask: alice({ at: '2026-03-29T02:30:00', zone: 'Europe/Berlin' }),
    code: 'ERR_SKIPPED_LOCAL_TIME',
    field: 'at',
  },
  {
    name: 'a local time that happened twice',
    ask: alice({ at: '2026-10-25T02:30:00', zone: 'Europe/Berlin' }),
    code: 'ERR_AMBIGUOUS_LOCAL_TIME',
    field: 'at',
  },
  { name: 'the future', ask: alice({ at: '2999-01-01T00:00:00Z' }), code: 'ERR_INSTANT_IN_FUTURE', field: 'at' },
  {
    name: 'a range into the future',
    ask: over(at, '2999-01-01T00:00:00Z'),
    code: 'ERR_INSTANT_IN_FUTURE',
    field: 'to',
  },
  {
    name: 'a range that runs backwards',
    ask: over('2026-03-05T00:00:00Z', at),
    code: 'ERR_RANGE_REVERSED',
    field: 'from',
  },
  { name: 'an empty range', ask: over(at, at), code: 'ERR_RANGE_REVERSED', field: 'from' },
  { name: 'a range without an offset', ask: over('2026-03-04', at), code: 'ERR_INVALID_INSTANT', field: 'from' },
  {
    name: 'a knownAt in the future',
    ask: alice({ at, knownAt: '2999-01-01T00:00:00Z' }),
    code: 'ERR_NOT_SETTLED',
    field: 'knownAt',
  },
  { name: 'an empty user id', ask: alice({ userId: '', at }), code: 'ERR_INVALID_USER_ID', field: 'userId' },
  {
    name: 'a user id with a control character',
    ask: alice({ userId: 'a\u0007', at }),
    code: 'ERR_INVALID_USER_ID',
    field: 'userId',
  },
  {
    name: 'a user id of 256 characters',
    ask: alice({ userId: '𝄞'.repeat(256), at }),
    code: 'ERR_INVALID_USER_ID',
    field: 'userId',
  },
  { name: 'an empty realm', ask: alice({ realm: '', at }), code: 'ERR_INVALID_INPUT', field: 'realm' },
  {
    name: 'an empty application',
    ask: alice({ application: '', at }),
    code: 'ERR_INVALID_INPUT',
    field: 'application',
  },
  { name: 'a limit of 0', ask: everyone({ limit: 0 }), code: 'ERR_INVALID_INPUT', field: 'limit' },
  { name: 'a limit of 1001', ask: everyone({ limit: 1001 }), code: 'ERR_INVALID_INPUT', field: 'limit' },
  { name: 'half a limit', ask: everyone({ limit: 0.5 }), code: 'ERR_INVALID_INPUT', field: 'limit' },
  { name: 'a cursor that is none', ask: everyone({ after: 'page-2' }), code: 'ERR_INVALID_CURSOR', field: 'after' },
  { name: 'an empty cursor', ask: everyone({ after: '' }), code: 'ERR_INVALID_CURSOR', field: 'after' },
  {
    name: 'a cursor of JSON of another shape',
    ask: everyone({ after: 'WzEsMl0' }),
    code: 'ERR_INVALID_CURSOR',
    field: 'after',
  },
  {
    name: 'a session id that is no UUID',
    ask: (history) => history.session('17', ann),
    code: 'ERR_INVALID_INPUT',
    field: 'sessionId',
  },
  { name: 'neither an ip nor an agent', ask: seenFrom({}), code: 'ERR_INVALID_INPUT', field: 'ip' },
  { name: 'a name for an ip', ask: seenFrom({ ip: 'localhost' }), code: 'ERR_INVALID_INPUT', field: 'ip' },
  { name: 'an ip in octal', ask: seenFrom({ ip: '0203.0.113.7' }), code: 'ERR_INVALID_INPUT', field: 'ip' },
  { name: 'a network of 33 bits', ask: seenFrom({ ip: '203.0.113.7/33' }), code: 'ERR_INVALID_INPUT', field: 'ip' },
  {
    name: 'a network with two prefixes',
    ask: seenFrom({ ip: '203.0.113.7/24/8' }),
    code: 'ERR_INVALID_INPUT',
    field: 'ip',
  },
  {
    name: 'an empty case id',
    ask: (history) => history.loginStateAt({ userId: 'alice', at }, { askedBy: 'ann', caseId: '' }),
    code: 'ERR_INVALID_INPUT',
    field: 'caseId',
  },
];

describe('a question is refused', () => {
  let bank: AskedBank;

  beforeAll(async () => {
    bank = await askBank();
  });

  afterAll(() => bank.close());

  it.each(refusals)('for $name', async ({ ask, code, field }) => {
    await expect(ask(bank.history)).rejects.toMatchObject({ name: 'SessionLedgerError', code, field });
  });

  it('for an ambiguous local time with both readings, each of which is an answer', async () => {
    const refusal = alice({ at: '2026-10-25T02:30:00', zone: 'Europe/Berlin' })(bank.history);
    await expect(refusal).rejects.toThrow('2026-10-25T00:30:00.000000Z or 2026-10-25T01:30:00.000000Z');
    expect(await alice({ at: '2026-10-25T01:30:00.000000Z' })(bank.history)).toMatchObject({ answer: 'not_logged_in' });
  });

  it('for a knownAt 1 microsecond beyond the horizon, and not at it', async () => {
    const horizon = await readHorizon(bank.reader);
    expect(await alice({ at, knownAt: horizon })(bank.history)).toMatchObject({ knownAt: horizon, settled: true });
    const [beyond] = await bank.rows<{ at: string }>(
      `SELECT session_ledger.rfc3339(settled_at + interval '1 microsecond') AS at FROM session_ledger.horizon`,
    );
    await expect(alice({ at, knownAt: beyond!.at })(bank.history)).rejects.toMatchObject({ code: 'ERR_NOT_SETTLED' });
  });

  it('for the cursor of another question, and taken for its own', async () => {
    const { next } = await bank.history.sessionsOf({ userId: 'alice', limit: 1 }, ann);
    const after = next!;
    expect((await bank.history.sessionsOf({ userId: 'alice', limit: 5, after }, ann)).items).toHaveLength(1);
    const others = [
      () => bank.history.sessionsOf({ userId: 'bob', after }, ann),
      () => bank.history.sessionsOf({ userId: 'alice', realm: 'staff', after }, ann),
      () => bank.history.sessionsOf({ userId: 'alice', from: at, after }, ann),
      () => bank.history.loggedInAt({ at, after }, ann),
      () => bank.history.sessionsOf({ userId: 'alice', after: `${after}AAAA` }, ann),
    ];
    for (const other of others) await expect(other()).rejects.toMatchObject({ code: 'ERR_INVALID_CURSOR' });
  });

  it('never with a word of the database, nor with what was asked', async () => {
    const failure = await alice({ userId: 'secret-user\u0000', at })(bank.history).catch(
      (error: Error) => error.message,
    );
    expect(failure).toBe('userId must not contain control characters');
  });
});
