import { setUpSessions, type SessionsLedger } from './sessions-ledger.js';

const hourMs = 3_600_000;

/** What fake timers leave alone: everything but Date. */
const untouched = [
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
] as const;

describe("promise 7: an application's clock may be an hour wrong without changing a row", () => {
  let ledger: SessionsLedger;

  beforeAll(async () => {
    ledger = await setUpSessions();
  });

  afterEach(() => jest.useRealTimers());

  afterAll(() => ledger.close());

  test.each([
    ['ahead', hourMs],
    ['behind', -hourMs],
  ])('%s', async (_, offMs) => {
    const trueMs = Date.now();
    jest.useFakeTimers({ now: trueMs + offMs, doNotFake: [...untouched] });

    const { token, session } = await ledger.sessions.open({ userId: `alice ${offMs}`, client: { ip: '192.0.2.1' } });
    await ledger.sessions.use(token);
    const renewed = await ledger.sessions.renew(token, { amr: ['pwd'] });
    await ledger.sessions.revokeToken(renewed.token, { reason: 'logout', note: 'bye' });
    jest.useRealTimers();

    const events = await ledger.eventsOf(session.sessionId);
    expect(events.map(({ kind }) => kind)).toEqual(['created', 'used', 'renewed', 'revoked']);
    const dates = events.flatMap(({ occurredAt, recordedAt }) => [occurredAt, recordedAt]).map((at) => Date.parse(at));
    expect(Math.max(...dates.map((at) => Math.abs(at - trueMs)))).toBeLessThan(60_000);
    expect(Math.abs(uuidTimeMs(session.sessionId) - Date.parse(session.createdAt))).toBeLessThan(60_000);
  });
});

/** The milliseconds in a UUIDv7 (RFC 9562 5.7). */
function uuidTimeMs(uuid: string): number {
  return Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16);
}
