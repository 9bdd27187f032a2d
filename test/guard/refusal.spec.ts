import { randomBytes } from 'node:crypto';
import { browserOf, cookieName, fromHere, type Browser } from './browser.js';
import { platforms, startBank, type RunningBank } from './running-bank.js';

const refusedBody = { status: 401, code: 'ERR_NOT_AUTHENTICATED' };

describe.each(platforms)('a refused request on %s', (platform) => {
  let bank: RunningBank;
  let browser: Browser;

  beforeAll(async () => {
    bank = await startBank(platform);
    browser = browserOf(bank);
  });

  afterAll(async () => {
    await bank.stop();
  });

  const made = (): string => randomBytes(48).toString('base64url');
  const badCookies: [string, (right: string) => string | undefined][] = [
    ['no cookie', () => undefined],
    ['an empty cookie', () => `${cookieName}=`],
    ['a cookie that is no token', () => `${cookieName}=not-a-token`],
    ['a token with one character more', (right) => `${cookieName}=${right}A`],
    ['a token with one character less', (right) => `${cookieName}=${right.slice(1)}`],
    ['a token in quotes', (right) => `${cookieName}="${right}"`],
    ['a percent-encoded token', (right) => `${cookieName}=%${right.charCodeAt(0).toString(16)}${right.slice(1)}`],
    ['an over-long cookie', () => `${cookieName}=${'A'.repeat(12_000)}`],
    ['a token nobody was given', () => `${cookieName}=${made()}`],
    ['the right id with another secret', (right) => `${cookieName}=${right.slice(0, 22)}${made().slice(22)}`],
    ['the cookie twice', (right) => `${cookieName}=${right}; ${cookieName}=${right}`],
    ['the cookie beside a planted one', (right) => `${cookieName}=${made()}; ${cookieName}=${right}`],
    ['the cookie in another case', (right) => `${cookieName.toLowerCase()}=${right}`],
    ['the cookie under another name', (right) => `session=${right}`],
    ['a cookie header without names', (right) => right],
  ];

  it.each(badCookies)('says no more than that to %s', async (_, cookieFor) => {
    const { token, sessionId } = await browser.login('carol');
    const cookie = cookieFor(token);
    const sent = bank.http.get('/me');
    const response = await (cookie === undefined ? sent : sent.set('Cookie', cookie)).expect(401);
    expect(response.body).toMatchObject(refusedBody);
    expect(response.headers['www-authenticate']).toBe(`Cookie realm="default", cookie-name="${cookieName}"`);
    expect(response.headers['set-cookie']).toBeUndefined();
    expect((await browser.eventsOf(sessionId)).map(({ kind }) => kind)).toEqual(['created']);
  });

  it('sees no token in the query, the body or another header', async () => {
    const { token, sessionId } = await browser.login('carol');
    await bank.http
      .get('/me')
      .query({ [cookieName]: token, token, access_token: token })
      .expect(401);
    await bank.http
      .post('/pay')
      .set(fromHere)
      .send({ [cookieName]: token, token })
      .expect(401);
    await bank.http.get('/me').set('Authorization', `Bearer ${token}`).set('X-Session', token).expect(401);
    expect((await browser.eventsOf(sessionId)).map(({ kind }) => kind)).toEqual(['created']);
  });

  it('clears the cookie of a session that has ended', async () => {
    const { token } = await browser.login('dave');
    const kept = await browser.login('dave');
    expect((await browser.post('/log-out-elsewhere', kept.token).expect(201)).body).toEqual({ revoked: 1 });
    const response = await browser.get('/me', token).expect(401);
    expect(response.headers['set-cookie']).toEqual([
      `${cookieName}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
    await browser.get('/me', kept.token).expect(200);
  });

  it('refuses a user whose account the application has closed', async () => {
    const { token } = await browser.login('erin');
    bank.accounts.roles.set('erin', ['closed']);
    expect((await browser.get('/me', token).expect(401)).body).toMatchObject(refusedBody);
  });

  it('refuses a user of whom the application says undefined, as one who looks in a map does', async () => {
    const { token } = await browser.login('frank');
    bank.accounts.roles.set('frank', ['deleted']);
    expect((await browser.get('/me', token).expect(401)).body).toMatchObject(refusedBody);
    bank.accounts.roles.delete('frank');
    await browser.get('/me', token).expect(200);
  });
});
