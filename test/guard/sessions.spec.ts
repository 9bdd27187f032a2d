import { randomBytes } from 'node:crypto';
import { browserOf, cookieName, fromHere, tokenOf, type Browser } from './browser.js';
import { platforms, startBank, type RunningBank } from './running-bank.js';

describe.each(platforms)('opening and ending sessions on %s', (platform) => {
  let bank: RunningBank;
  let browser: Browser;

  beforeAll(async () => {
    bank = await startBank(platform);
    browser = browserOf(bank);
  });

  afterAll(async () => {
    await bank.stop();
  });

  describe('when a session is opened', () => {
    it("sets the cookie that RFC 6265bis and OWASP ASVS 3.3 ask for beside the application's own, and shows the token nowhere else", async () => {
      const response = await bank.http.post('/login').set(fromHere).send({ userId: 'alice' }).expect(201);
      const token = tokenOf(response);
      expect(token).toMatch(/^[A-Za-z0-9_-]{64}$/);
      expect(response.headers['set-cookie']).toEqual([
        'theme=dark; Path=/',
        `${cookieName}=${token}; Path=/; HttpOnly; Secure; SameSite=Lax`,
      ]);
      expect(response.headers['cache-control']).toBe('no-store');
      expect(response.text).not.toContain(token);
    });

    it('revokes the session the request came with: no fixation', async () => {
      const planted = await browser.login('mallory');
      const fresh = await browser.login('alice', planted.token);
      expect(fresh.token).not.toBe(planted.token);
      expect(fresh.sessionId).not.toBe(planted.sessionId);
      expect(await browser.eventsOf(planted.sessionId)).toMatchObject([
        { kind: 'created' },
        { kind: 'revoked', reason: 'replaced' },
      ]);
      await browser.get('/me', planted.token).expect(401);
      await browser.get('/me', fresh.token).expect(200);
    });

    it('does not let a late answer to the replaced session take the new cookie away', async () => {
      const old = await browser.login('ivan');
      const fresh = await browser.login('ivan', old.token);
      const late = await browser.get('/me', old.token).expect(401);
      expect(late.headers['set-cookie']).toBeUndefined();
      await browser.get('/me', fresh.token).expect(200);
    });

    it('takes no token that the caller has made up', async () => {
      const made = randomBytes(48).toString('base64url');
      const { token } = await browser.login('alice', made);
      expect(token).not.toBe(made);
      await browser.get('/me', made).expect(401);
    });
  });

  describe('when a request ends other sessions', () => {
    it('leaves the client that it came from in every event of every one', async () => {
      const [here, there, elsewhere, last] = [
        await browser.login('judy'),
        await browser.login('judy'),
        await browser.login('judy'),
        await browser.login('judy'),
      ];
      const agent = { 'User-Agent': 'Phone/1.0' };
      await browser.post('/log-out-one', here.token).set(agent).send({ sessionId: last.sessionId }).expect(201);
      const response = await browser.post('/log-out-elsewhere', here.token).set(agent).expect(201);

      expect(response.body).toEqual({ revoked: 2 });
      expect(
        await bank.rows(
          `SELECT e.session_id::text AS "sessionId", host(c.ip) AS ip, c.user_agent AS "userAgent", e.detail ? 'clientCommitment' AS introduced
             FROM session_ledger.event e LEFT JOIN session_ledger.client c USING (bucket, client_id)
            WHERE e.kind = 'revoked' AND e.session_id = ANY ($1) ORDER BY e.session_id`,
          [[there.sessionId, elsewhere.sessionId, last.sessionId]],
        ),
      ).toEqual(
        [there, elsewhere, last]
          .map(({ sessionId }) => ({ sessionId, ip: '127.0.0.1', userAgent: 'Phone/1.0', introduced: true }))
          .sort((one, other) => (one.sessionId < other.sessionId ? -1 : 1)),
      );
    });
  });

  describe('when the user logs out', () => {
    it('revokes the session and clears the cookie; twice is not an error', async () => {
      const { token, sessionId } = await browser.login('heidi');
      const response = await browser.post('/logout', token).expect(201);
      expect(response.body).toEqual({ revoked: 1 });
      expect(String(response.headers['set-cookie'])).toContain(`${cookieName}=; Max-Age=0`);
      expect(await browser.eventsOf(sessionId)).toMatchObject([
        { kind: 'created' },
        { kind: 'revoked', reason: 'logout' },
      ]);
      await browser.get('/me', token).expect(401);
      expect((await browser.post('/logout', token).expect(201)).body).toEqual({ revoked: 0 });
      expect((await bank.http.post('/logout').set(fromHere).expect(201)).body).toEqual({ revoked: 0 });
    });

    it('revokes nothing for a secret that is wrong', async () => {
      const { token } = await browser.login('heidi');
      const guessed = token.slice(0, 22) + randomBytes(48).toString('base64url').slice(22);
      expect((await browser.post('/logout', guessed).expect(201)).body).toEqual({ revoked: 0 });
      await browser.get('/me', token).expect(200);
    });
  });
});
