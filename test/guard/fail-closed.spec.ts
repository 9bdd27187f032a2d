import { setTimeout as pause } from 'node:timers/promises';
import type { Response } from 'supertest';
import { browserOf, type Browser } from './browser.js';
import { platforms, startBank, type RunningBank } from './running-bank.js';

describe.each(platforms)('promise 9: fail closed, on %s', (platform) => {
  let bank: RunningBank;
  let browser: Browser;

  beforeAll(async () => {
    bank = await startBank(platform);
    browser = browserOf(bank);
  });

  afterAll(async () => {
    await bank.stop();
  });

  afterEach(async () => {
    await bank.wire.mend();
  });

  it('refuses with 503 and Retry-After when a use cannot be recorded, runs no handler, and heals by itself', async () => {
    const { token } = await browser.login('niaj');
    const paid = bank.controller.payments.length;
    await bank.wire.cut();
    const response = await browser.post('/pay', token).expect(503);
    expect(response.body).toMatchObject({ status: 503, code: 'ERR_LEDGER_UNAVAILABLE' });
    expect(Number(response.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(response.headers['set-cookie']).toBeUndefined();
    expect(response.text).not.toMatch(/ECONNREFUSED|SELECT|session_ledger/);
    expect(bank.controller.payments).toHaveLength(paid);
    // What cannot be a token is refused without asking the database.
    await browser.get('/me', 'not-a-token').expect(401);
    await bank.wire.mend();
    await healed(() => browser.post('/pay', token));
    expect(bank.controller.payments).toHaveLength(paid + 1);
  });

  it('refuses with 503 too when the reason is one that nobody thought of', async () => {
    const { token, sessionId } = await browser.login('olivia');
    const paid = bank.controller.payments.length;
    await bank.rows('REVOKE INSERT ON session_ledger.event FROM session_ledger_writer');
    const response = await browser.post('/pay', token).expect(503);
    expect(response.body).toMatchObject({ status: 503, code: 'ERR_LEDGER_UNAVAILABLE' });
    expect(response.headers['retry-after']).toBe('1');
    expect(response.text).not.toMatch(/permission|session_ledger/);
    expect(bank.controller.payments).toHaveLength(paid);
    expect((await browser.eventsOf(sessionId)).map(({ kind }) => kind)).toEqual(['created']);
  });
});

/** Repeats a request that is answered with 503 until it is answered with 201, as Retry-After asks clients to. */
async function healed(send: () => PromiseLike<Response>): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const { status } = await send();
    if (status === 201) return;
    expect(status).toBe(503);
    await pause(100);
  }
  throw new Error('the guard did not heal within five seconds of the wire being mended');
}
