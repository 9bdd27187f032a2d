import { Logger, type LoggerService } from '@nestjs/common';
import type { Response, Test } from 'supertest';
import { secretsIn } from '../http/forms-of-secret.js';
import { browserOf, cookieName, fromHere, tokenOf, type Browser } from './browser.js';
import { platforms, startBank, type RunningBank } from './running-bank.js';

jest.setTimeout(60_000);

describe.each(platforms)('promise 8 in an application, on %s', (platform) => {
  let bank: RunningBank;
  let browser: Browser;
  const logged: string[] = [];

  beforeAll(async () => {
    bank = await startBank(platform);
    browser = browserOf(bank);
    Logger.overrideLogger(collecting(logged));
    for (const stream of [process.stdout, process.stderr])
      jest.spyOn(stream, 'write').mockImplementation((text) => logged.push(String(text)) > 0);
  });

  afterAll(async () => {
    jest.restoreAllMocks();
    Logger.overrideLogger(false);
    await bank.stop();
  });

  it('a token comes into no log and no row, and into no answer but the cookie that hands it over', async () => {
    const { token: old, sessionId } = await browser.login('canary');
    const live = tokenOf(await browser.post('/renew', old).send({ amr: ['otp'] }));
    const { token: ended } = await browser.login('canary');
    await browser.post('/logout', ended);
    const guessed = `${live.slice(0, 40)}${'A'.repeat(24)}`;
    const secrets = { live, old, ended, guessed };

    const answers: Response[] = [];
    for (const token of Object.values(secrets)) {
      for (const request of everyPlaceFor(token)) answers.push(await request);
      await bank.wire.cut();
      answers.push(await browser.get('/me', token));
      await bank.wire.mend();
      await untilRecording(live);
    }

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 201, 401, 403, 500, 503]));
    for (const { text, headers } of answers) {
      const { 'set-cookie': _, ...others } = headers as Record<string, unknown>;
      expect(secretsIn(text + JSON.stringify(others), secrets)).toEqual([]);
    }
    expect(logged.join('')).toContain(sessionId); // the signal of the guess, by the session's public id
    expect(secretsIn(logged.join('\n'), secrets)).toEqual([]);
    expect(secretsIn(await everyRow(), secrets)).toEqual([]);
  });

  function everyPlaceFor(token: string): Test[] {
    const { http } = bank;
    return [
      browser.get('/me', token),
      browser.get('/unread', token),
      browser.get('/roles', token),
      browser.get('/me', `${token}; ${cookieName}=${token}`),
      browser.get('/me', `${token}x`),
      http.get('/me').set('Authorization', `Bearer ${token}`),
      http.get('/me').set('X-Request-Id', token),
      http.get(`/me?token=${token}`),
      http.post('/pay').set('Cookie', `${cookieName}=${token}`).set('Sec-Fetch-Site', 'cross-site'),
      http.post('/pay').set('Cookie', `${cookieName}=${token}`).set('Origin', `http://${token}.example`),
      http
        .post('/renew')
        .set(fromHere)
        .set('Cookie', `${cookieName}=${token}`)
        .send({ amr: [token] }),
      http.post('/renew').set(fromHere).set('Cookie', `${cookieName}=${token}`).send({ amr: token }),
      browser.post('/transfer', token).set('Referer', `http://bank.example/?${token}`),
    ];
  }

  async function untilRecording(token: string): Promise<void> {
    while ((await browser.get('/me', token)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async function everyRow(): Promise<string> {
    const tables = await bank.rows<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'session_ledger'`,
    );
    const dumps = [];
    for (const { name } of tables) dumps.push(await bank.rows(`SELECT to_jsonb(t) FROM session_ledger."${name}" t`));
    return JSON.stringify(dumps);
  }
});

function collecting(lines: string[]): LoggerService {
  const log = (...words: unknown[]): void => void lines.push(words.map(inFull).join(' '));
  return { log, error: log, warn: log, debug: log, verbose: log, fatal: log };
}

/** An error with everything that a logger could find in it. */
function inFull(word: unknown): string {
  if (!(word instanceof Error)) return typeof word === 'string' ? word : JSON.stringify(word);
  return [word.message, word.stack, JSON.stringify(word), word.cause === undefined ? '' : inFull(word.cause)].join(' ');
}
