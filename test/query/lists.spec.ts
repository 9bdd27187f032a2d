import { setUpSessions, type SessionsLedger } from '../session/sessions-ledger.js';
import { LoginHistory } from '../../src/query/login-history.js';
import type { Page } from '../../src/query/page.js';
import { ann, askBank, type AskedBank } from './asked-bank.js';

/** Every item of a list, read page by page. */
async function allPages<Item>(ask: (after: string | undefined) => Promise<Page<Item>>): Promise<Item[]> {
  const items: Item[] = [];
  let after: string | undefined;
  do {
    const page = await ask(after);
    items.push(...page.items);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return items;
}

describe('the history of the bank', () => {
  let bank: AskedBank;

  beforeAll(async () => {
    bank = await askBank();
  });

  afterAll(() => bank.close());

  const sessionsOf = (userId: string, more = {}) => bank.history.sessionsOf({ userId, ...more }, ann);

  it('shows the sessions of a user, the newest first, with how each of them ended', async () => {
    const { items, next } = await sessionsOf('alice');
    expect(next).toBeNull();
    expect(items).toMatchObject([
      {
        application: 'web',
        createdAt: '2026-03-04T02:00:00.000000Z',
        lastUsedAt: '2026-03-04T02:13:59.000000Z',
        expiresAt: '2026-03-04T02:28:59.000000Z',
        endedAt: '2026-03-04T02:20:00.000000Z',
        endReason: 'logout',
        idleSeconds: 900,
        amr: ['pwd', 'otp'],
        actor: null,
        openedFrom: { ip: '203.0.113.7' },
      },
      { application: 'mobile', endedAt: '2026-03-04T02:14:00.000000Z', endReason: 'idle' },
    ]);
  });

  it('shows that a session lapsed though nobody wrote it down, and who acted in one', async () => {
    expect((await sessionsOf('bob')).items).toMatchObject([
      { endedAt: '2026-03-03T22:27:00.000000Z', endReason: 'idle' },
    ]);
    expect((await sessionsOf('carol')).items).toMatchObject([{ actor: { userId: 'help-desk', realm: 'default' } }]);
    expect((await sessionsOf('help-desk')).items).toEqual([]);
    expect((await sessionsOf('nobody')).items).toEqual([]);
  });

  it('takes a range for the sessions that were live at some instant of it', async () => {
    const inRange = async (from: string, to: string) =>
      (await sessionsOf('alice', { from, to })).items.map(({ application }) => application);
    expect(await inRange('2026-03-04T02:14:00Z', '2026-03-04T02:15:00Z')).toEqual(['web']);
    expect(await inRange('2026-03-04T02:13:59.999999Z', '2026-03-04T02:15:00Z')).toEqual(['web', 'mobile']);
    expect(await inRange('2026-03-04T01:00:00Z', '2026-03-04T02:00:00Z')).toEqual(['mobile']);
    expect(await inRange('2026-03-04T02:20:00Z', '2026-03-05T00:00:00Z')).toEqual([]);
  });

  it('shows the events of a session in order, page by page', async () => {
    const [web] = (await sessionsOf('alice')).items;
    const events = await allPages((after) => bank.history.events(web!.sessionId, { after, limit: 2 }, ann));
    expect(events.map(({ sessionSeq, kind, occurredAt }) => [sessionSeq, kind, occurredAt])).toEqual([
      [1, 'created', '2026-03-04T02:00:00.000000Z'],
      [2, 'used', '2026-03-04T02:10:00.250000Z'],
      [3, 'used', '2026-03-04T02:13:30.000000Z'],
      [4, 'renewed', '2026-03-04T02:13:59.000000Z'],
      [5, 'revoked', '2026-03-04T02:20:00.000000Z'],
    ]);
    expect(events[2]).toMatchObject({
      client: { ip: '2001:db8::7' },
      recordedBy: 'bank-1',
      expiresAt: '2026-03-04T02:28:30.000000Z',
    });
    expect(JSON.stringify(events)).not.toMatch(/secret|digest/i);
  });

  it('shows one session, in whatever case its id is written', async () => {
    const [mallory] = (await sessionsOf('mallory')).items;
    const shown = await bank.history.session(mallory!.sessionId.toUpperCase(), ann);
    expect(shown).toEqual({ ...mallory, contradicting: [], sealed: false, checkpoint: null });
    expect(shown).toMatchObject({ userId: 'mallory', endReason: 'account_disabled' });
  });

  it('shows everyone who was logged in at an instant, without those in whose name others acted', async () => {
    const page = await bank.history.loggedInAt({ at: '2026-03-04T02:10:00Z' }, ann);
    expect(page).toMatchObject({ at: '2026-03-04T02:10:00.000000Z', settled: true, absenceUnknown: null, next: null });
    expect(page.items.map(({ userId, sessions }) => [userId, sessions.map(({ application }) => application)])).toEqual([
      ['alice', ['web', 'mobile']],
    ]);
    expect((await bank.history.loggedInAt({ at: '2026-03-06T00:30:00Z' }, ann)).absenceUnknown).toBe('gap');
    expect((await bank.history.loggedInAt({ at: '2025-12-01T00:00:00Z' }, ann)).absenceUnknown).toBe('before_ledger');
  });

  it('shows which sessions were seen from an address, a network, or with an agent', async () => {
    const seen = async (question: object) =>
      (await bank.history.clientsSeen(question, ann)).items.map(({ userId, application, firstSeenAt, lastSeenAt }) => [
        userId,
        application,
        firstSeenAt.slice(0, 19),
        lastSeenAt.slice(0, 19),
      ]);
    const alice = ['alice', 'web', '2026-03-04T02:00:00', '2026-03-04T02:20:00'];
    const mallory = ['mallory', 'web', '2026-03-05T12:00:00', '2026-03-05T12:01:30'];
    expect(await seen({ ip: '203.0.113.7' })).toEqual(expect.arrayContaining([alice, mallory]));
    expect(await seen({ ip: '::ffff:203.0.113.7' })).toHaveLength(2);
    expect(await seen({ ip: '203.0.113.99/24', to: '2026-03-05T00:00:00Z' })).toEqual([alice]);
    expect(await seen({ ip: '203.0.113.7', from: '2026-03-04T02:01:00Z', to: '2026-03-04T02:13:00Z' })).toEqual([
      ['alice', 'web', '2026-03-04T02:10:00', '2026-03-04T02:10:00'],
    ]);
    expect(await seen({ userAgent: 'BankApp/3.2 "blue", Android 16' })).toHaveLength(3);
    expect(await seen({ ip: '2001:db8::/32', userAgent: 'curl/8' })).toEqual([]);
    const all = await allPages((after) => bank.history.clientsSeen({ ip: '0.0.0.0/0', after, limit: 1 }, ann));
    expect(all.map(({ userId }) => userId).sort()).toEqual(['alice', 'carol', 'mallory']);
  });

  it('shows nothing outside of the realm and the applications that the asker may hear of', async () => {
    const mobileOnly = { askedBy: 'ben', applications: ['mobile'] };
    const staffOnly = { askedBy: 'ben', realm: 'staff' };
    const at = '2026-03-04T02:14:00Z';
    expect(await bank.history.loginStateAt({ userId: 'alice', at }, mobileOnly)).toMatchObject({
      answer: 'not_logged_in',
      applications: [{ name: 'mobile' }],
      sessions: [],
    });
    expect((await bank.history.sessionsOf({ userId: 'alice' }, mobileOnly)).items).toMatchObject([
      { application: 'mobile' },
    ]);
    expect((await bank.history.clientsSeen({ ip: '::/0' }, mobileOnly)).items).toMatchObject([
      { application: 'mobile' },
      { application: 'mobile' },
    ]);
    expect((await bank.history.clientsSeen({ ip: '::/0' }, staffOnly)).items).toEqual([]);
    expect((await bank.history.loggedInAt({ at }, staffOnly)).items).toEqual([]);
    const [web] = (await sessionsOf('alice')).items;
    for (const asking of [mobileOnly, staffOnly]) {
      await expect(bank.history.session(web!.sessionId, asking)).rejects.toMatchObject({
        code: 'ERR_SESSION_NOT_FOUND',
      });
      await expect(bank.history.events(web!.sessionId, {}, asking)).rejects.toMatchObject({
        code: 'ERR_SESSION_NOT_FOUND',
      });
    }
    const refused = [
      () => bank.history.loginStateAt({ userId: 'alice', at, application: 'web' }, mobileOnly),
      () => bank.history.loginStateAt({ userId: 'alice', at, realm: 'default' }, staffOnly),
      () => bank.history.sessionsOf({ userId: 'alice', realm: 'default' }, staffOnly),
    ];
    for (const ask of refused) await expect(ask()).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' });
  });
});

describe('lists of a ledger that goes on', () => {
  let ledger: SessionsLedger;
  let history: LoginHistory;

  beforeAll(async () => {
    ledger = await setUpSessions();
    history = new LoginHistory(ledger.superuser);
  });

  afterAll(() => ledger.close());

  it('show the same sessions on every page, whatever is opened and revoked in between', async () => {
    const opened: string[] = [];
    for (let nth = 0; nth < 7; nth += 1)
      opened.unshift((await ledger.sessions.open({ userId: 'ada' })).session.sessionId);
    const seen = await allPages(async (after) => {
      const page = await history.sessionsOf({ userId: 'ada', after, limit: 3 }, ann);
      await ledger.sessions.open({ userId: 'ada' });
      await ledger.sessions.revoke(opened.at(-1)!, { reason: 'admin' });
      return page;
    });
    expect(seen.map(({ sessionId }) => sessionId)).toEqual(opened);
    expect(seen.every(({ endedAt }) => endedAt === null)).toBe(true);
  });

  it('show everyone once, whoever logs in and out in between', async () => {
    const users = Array.from({ length: 11 }, (_, nth) => `user-${nth}`);
    const sessions = await Promise.all(users.map((userId) => ledger.sessions.open({ userId, application: 'shop' })));
    await ledger.sessions.open({ userId: 'user-0', application: 'shop' });
    const seen = await allPages(async (after) => {
      const page = await history.loggedInAt({ application: 'shop', after, limit: 4 }, ann);
      await ledger.sessions.open({ userId: `late-${after}`, application: 'shop' });
      for (const { session } of sessions) await ledger.sessions.revoke(session.sessionId, { reason: 'admin' });
      return page;
    });
    expect(seen.map(({ userId }) => userId).sort()).toEqual(users.sort());
    expect(seen.find(({ userId }) => userId === 'user-0')?.sessions).toHaveLength(2);
  });

  it('show the events of a session as they were when the first page was asked for', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'uma', client: { ip: '192.0.2.1' } });
    for (let use = 0; use < 4; use += 1) await ledger.sessions.use(token);
    const events = await allPages(async (after) => {
      const page = await history.events(session.sessionId, { after, limit: 2 }, ann);
      await ledger.sessions.use(token);
      return page;
    });
    expect(events.map(({ sessionSeq }) => sessionSeq)).toEqual([1, 2, 3, 4, 5]);
  });

  it('tell a renewal with a fresh authentication from one without', async () => {
    const first = await ledger.sessions.open({ userId: 'fay', amr: ['pwd'] });
    const plain = await ledger.sessions.renew(first.token);
    const afterPlain = await history.session(first.session.sessionId, ann);
    expect(afterPlain).toMatchObject({ authenticatedAt: first.session.createdAt, amr: ['pwd'] });
    const fresh = await ledger.sessions.renew(plain.token, { amr: ['pwd', 'otp'] });
    expect(await history.session(first.session.sessionId, ann)).toMatchObject({
      authenticatedAt: fresh.session.authenticatedAt,
      absoluteExpiresAt: fresh.session.absoluteExpiresAt,
      lastUsedAt: fresh.session.lastUsedAt,
      amr: ['pwd', 'otp'],
      endedAt: null,
    });
  });
});
