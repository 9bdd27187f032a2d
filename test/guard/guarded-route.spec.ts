import { browserOf, type Browser } from './browser.js';
import { platforms, startBank, type RunningBank } from './running-bank.js';

describe.each(platforms)('a guarded route on %s', (platform) => {
  let bank: RunningBank;
  let browser: Browser;

  beforeAll(async () => {
    bank = await startBank(platform, { forwardedHeader: 'x-forwarded-for', trustedProxies: ['127.0.0.1'] });
    browser = browserOf(bank);
  });

  afterAll(async () => {
    await bank.stop();
  });

  it('records the use with its client before the handler runs', async () => {
    const { token, sessionId } = await browser.login('bob');
    const seenBy = browser.get('/me', token).set('User-Agent', 'Conformance/1.0');
    const { body } = await seenBy.set('X-Forwarded-For', '192.0.2.66, ::ffff:203.0.113.7').expect(200);
    expect(body).toMatchObject({ sessionId, userId: 'bob', application: 'bank', amr: ['pwd'] });
    const [used] = await bank.rows<{ kind: string; ip: string; user_agent: string }>(
      `SELECT e.kind, host(c.ip) AS ip, c.user_agent FROM session_ledger.event e JOIN session_ledger.client c USING (bucket, client_id)
        WHERE e.session_id = $1 AND e.kind = 'used'`,
      [sessionId],
    );
    expect(used).toEqual({ kind: 'used', ip: '203.0.113.7', user_agent: 'Conformance/1.0' });
    expect((await browser.get('/my-id', token).expect(200)).body).toEqual({ userId: 'bob' });
  });

  it('keeps the answer from caches', async () => {
    const { token } = await browser.login('bob');
    for (const response of [await browser.get('/me', token).expect(200), await bank.http.get('/me').expect(401)]) {
      expect(response.headers['cache-control']).toBe('no-store');
      expect(response.headers['vary']).toContain('Cookie');
    }
  });

  it('moves the idle deadline by a use, and leaves it where it is by a passive one', async () => {
    const { token, sessionId } = await browser.login('bob');
    await browser.get('/unread', token).expect(200);
    await browser.get('/me', token).expect(200);
    const [created, passive, used] = await browser.eventsOf(sessionId);
    expect(passive).toMatchObject({ kind: 'used', reason: 'passive', expires_at: created?.expires_at });
    expect(used?.expires_at?.getTime()).toBeGreaterThan(created?.expires_at?.getTime() ?? Infinity);
  });

  it('answers a public route without a session', async () => {
    expect((await bank.http.get('/rates').expect(200)).body).toEqual({ isPublic: true });
  });

  it('loads roles at every request, so that a demotion acts at once', async () => {
    bank.accounts.roles.set('judy', ['customer', 'teller']);
    const { token } = await browser.login('judy');
    expect((await browser.get('/roles', token).expect(200)).body).toEqual({ roles: ['customer', 'teller'] });
    bank.accounts.roles.set('judy', ['customer']);
    expect((await browser.get('/roles', token).expect(200)).body).toEqual({ roles: ['customer'] });
  });
});
