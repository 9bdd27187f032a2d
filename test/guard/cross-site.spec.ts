import { browserOf, cookieName, type Browser } from './browser.js';
import { platforms, startBank, type RunningBank } from './running-bank.js';

describe.each(platforms)('requests that another site may have forged on %s', (platform) => {
  let bank: RunningBank;
  let browser: Browser;

  beforeAll(async () => {
    bank = await startBank(platform, { csrf: { allowedOrigins: ['https://shop.example'] } });
    browser = browserOf(bank);
  });

  afterAll(async () => {
    await bank.stop();
  });

  const own = (): string => `http://${host()}`;
  const host = (): string => `127.0.0.1:${(bank.app.getHttpServer().address() as { port: number }).port}`;
  const matrix: [string, () => Record<string, string>, number][] = [
    ['a page of this origin', () => ({ 'Sec-Fetch-Site': 'same-origin' }), 201],
    ['the address bar', () => ({ 'Sec-Fetch-Site': 'none' }), 201],
    ['another site', () => ({ 'Sec-Fetch-Site': 'cross-site' }), 403],
    ['a sibling domain', () => ({ 'Sec-Fetch-Site': 'same-site' }), 403],
    ['an unknown value', () => ({ 'Sec-Fetch-Site': 'friendly' }), 403],
    ['two values', () => ({ 'Sec-Fetch-Site': 'same-origin, cross-site' }), 403],
    ['an empty value', () => ({ 'Sec-Fetch-Site': '' }), 403],
    ['another site that names our origin', () => ({ 'Sec-Fetch-Site': 'cross-site', Origin: own() }), 403],
    ['a welcome origin', () => ({ 'Sec-Fetch-Site': 'cross-site', Origin: 'https://shop.example' }), 201],
    ['a welcome origin in an older browser', () => ({ Origin: 'https://shop.example' }), 201],
    ['a lookalike of it', () => ({ 'Sec-Fetch-Site': 'cross-site', Origin: 'https://shop.example.evil.example' }), 403],
    ['an older browser on this origin', () => ({ Origin: own() }), 201],
    ['an older browser on another site', () => ({ Origin: 'https://evil.example' }), 403],
    ['an older browser on another port', () => ({ Origin: 'http://127.0.0.1:1' }), 403],
    ['a sandboxed frame', () => ({ Origin: 'null' }), 403],
    ['an origin with a path', () => ({ Origin: `${own()}/` }), 403],
    ['a page in plain HTTP', () => ({ Origin: 'http://bank.example', Host: 'bank.example' }), 403],
    ['the same page in HTTPS', () => ({ Origin: 'https://bank.example', Host: 'bank.example' }), 201],
    ['a program with a cookie and neither header', () => ({}), 403],
  ];

  it.each(matrix)('judges an unsafe request from %s', async (_, headersOf, status) => {
    const { token, sessionId } = await browser.login('mike');
    const before = bank.controller.payments.length;
    const response = await bank.http.post('/pay').set('Cookie', `${cookieName}=${token}`).set(headersOf());
    const isWelcome = status === 201;
    expect(response.status).toBe(status);
    expect(response.body).toMatchObject(isWelcome ? { paid: true } : { status: 403, code: 'ERR_CROSS_SITE_REQUEST' });
    expect(bank.controller.payments.length - before).toBe(isWelcome ? 1 : 0);
    const kinds = (await browser.eventsOf(sessionId)).map(({ kind }) => kind);
    expect(kinds).toEqual(isWelcome ? ['created', 'used'] : ['created']);
  });

  it('lets a safe request through from anywhere: a link into the bank keeps its user logged in', async () => {
    const { token } = await browser.login('mike');
    const { status } = await browser.get('/me', token).set('Sec-Fetch-Site', 'cross-site');
    expect(status).toBe(200);
  });

  it('refuses a login that another site sends, and takes one from a program', async () => {
    const sent = () => bank.http.post('/login').send({ userId: 'mike' });
    const forged = await sent().set('Sec-Fetch-Site', 'cross-site');
    expect([forged.status, forged.headers['set-cookie']]).toEqual([403, undefined]);
    expect((await sent()).status).toBe(201);
  });
});
