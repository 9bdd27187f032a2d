import { setTimeout as pause } from 'node:timers/promises';
import { browserOf, tokenOf, type Browser } from './browser.js';
import { platforms, startBank, type RunningBank } from './running-bank.js';

describe.each(platforms)('renewing a session on %s', (platform) => {
  let bank: RunningBank;
  let browser: Browser;

  beforeAll(async () => {
    bank = await startBank(platform);
    browser = browserOf(bank);
  });

  afterAll(async () => {
    await bank.stop();
  });

  it('gives the browser a new token and kills the old one', async () => {
    const { token, sessionId } = await browser.login('frank');
    const response = await browser.post('/renew', token).send({}).expect(201);
    const next = tokenOf(response);
    expect(next).not.toBe(token);
    expect((response.body as { sessionId: string }).sessionId).toBe(sessionId);
    await browser.get('/me', next).expect(200);
    await browser.get('/me', token).expect(401);
  });

  it('never lets a late parallel answer take the renewed cookie away', async () => {
    const { token } = await browser.login('frank');
    const answers = await Promise.all([
      browser.post('/renew', token).send({}),
      ...Array.from({ length: 8 }, () => browser.get('/me', token)),
    ]);
    const cleared = answers.filter(({ headers }) => String(headers['set-cookie']).includes('Max-Age=0'));
    expect(cleared).toEqual([]);
    const renewed = answers.find(({ status, headers }) => status === 201 && headers['set-cookie'] !== undefined);
    await browser.get('/me', tokenOf(renewed)).expect(200);
  });

  it('makes the login fresh again when the user has authenticated', async () => {
    const { token } = await browser.login('grace');
    await browser.post('/transfer', token).expect(201);
    await pause(2_100);
    const stale = await browser.post('/transfer', token).expect(401);
    expect(stale.body).toMatchObject({ code: 'ERR_FRESH_LOGIN_REQUIRED' });
    expect(stale.headers['www-authenticate']).toContain('error="insufficient_user_authentication", max_age="2"');
    expect(stale.headers['set-cookie']).toBeUndefined();
    const unproven = tokenOf(await browser.post('/renew', token).send({}).expect(201));
    await browser.post('/transfer', unproven).expect(401);
    const proven = tokenOf(
      await browser
        .post('/renew', unproven)
        .send({ amr: ['pwd', 'otp'] })
        .expect(201),
    );
    await browser.post('/transfer', proven).expect(201);
  });
});
