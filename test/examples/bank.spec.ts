import { ValidationPipe, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { Browser } from './browser.js';

describe('the bank of the examples', () => {
  let database: TestDatabase;
  let bank: INestApplication;
  let site: string;
  let owner: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    process.env['DATABASE_URL'] = database.url;
    owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
    const { BankModule } = await import('../../examples/bank/src/bank.module.js');
    bank = await NestFactory.create(BankModule, { logger: ['error'] });
    bank.useGlobalPipes(new ValidationPipe({ whitelist: true, transform: true }));
    await bank.listen(0, '127.0.0.1');
    site = await bank.getUrl();
  });

  afterAll(async () => {
    await bank?.close();
    await owner?.end();
    await database?.drop();
  });

  const passwords = { alice: 'correct horse battery', bob: 'staple lamp river', carol: 'violin orange window' };

  async function loggedIn(userId: keyof typeof passwords): Promise<Browser> {
    const browser = new Browser(site);
    const answer = await browser.post('/login', { userId, password: passwords[userId] });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/account']);
    return browser;
  }

  async function endReasons(userId: string): Promise<string[]> {
    const { rows } = await owner.query<{ reason: string }>(
      `SELECT e.reason FROM session_ledger.event e JOIN session_ledger.session s USING (bucket, session_id)
         JOIN session_ledger.subject u ON u.subject_id = s.subject_id
        WHERE e.kind = 'revoked' AND u.user_id = $1 ORDER BY e.seq`,
      [userId],
    );
    return rows.map(({ reason }) => reason);
  }

  /** Events of sessions that say nothing about the client; every one of them came from a browser here. */
  async function clientless(): Promise<unknown[]> {
    const { rows } = await owner.query(
      `SELECT kind, reason FROM session_ledger.event WHERE session_id IS NOT NULL AND client_id IS NULL AND kind <> 'expired'`,
    );
    return rows;
  }

  it('sends who is not logged in to the login page', async () => {
    const answer = await new Browser(site).get('/account');
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/login']);
  });

  it('refuses a wrong password and an unknown user alike', async () => {
    const wrong = await new Browser(site).post('/login', { userId: 'alice', password: 'guess' });
    const unknown = await new Browser(site).post('/login', { userId: 'nobody', password: 'guess' });
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    expect(await wrong.text()).toBe(await unknown.text());
  });

  it('shows the account after the login, and nothing after the logout', async () => {
    const alice = await loggedIn('alice');
    expect(await (await alice.get('/account')).text()).toContain('You own 2,500.00.');
    await alice.post('/logout');
    expect((await alice.get('/account')).status).toBe(303);
  });

  it('escapes what customers are called', async () => {
    await owner.query(`UPDATE bank_customer SET full_name = '<script>alert(1)</script>' WHERE user_id = 'bob'`);
    const text = await (await (await loggedIn('bob')).get('/account')).text();
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(text).not.toContain('<script>alert');
  });

  it('does not keep a login alive by polling', async () => {
    const alice = await loggedIn('alice');
    await alice.get('/account');
    const deadlines = `SELECT DISTINCT ON (session_id) session_id, expires_at::text, reason FROM session_ledger.event
                        WHERE kind = 'used' ORDER BY session_id, session_seq DESC`;
    const before = (await owner.query(deadlines)).rows.at(-1);
    expect((await alice.get('/account/balance')).status).toBe(200);
    const after = (await owner.query(deadlines)).rows.at(-1);
    expect(after).toEqual({ ...before, reason: 'passive' });
  });

  it('moves money only within five minutes of the password', async () => {
    const alice = await loggedIn('alice');
    expect((await alice.post('/transfer', { to: 'bob', cents: '100' })).headers.get('location')).toBe('/account');
    const later = await loggedIn('alice');
    await owner.query(
      `UPDATE session_ledger.session SET authenticated_at = authenticated_at - interval '6 minutes' WHERE ended_at IS NULL`,
    );
    expect((await later.get('/transfer')).headers.get('location')).toBe('/confirm');
    expect((await later.post('/confirm', { password: 'guess' })).status).toBe(401);
    expect((await later.post('/confirm', { password: passwords.alice })).headers.get('location')).toBe('/transfer');
    expect((await later.get('/transfer')).status).toBe(200);
  });

  it('takes no transfer that a page of another site sends', async () => {
    const alice = await loggedIn('alice');
    expect((await alice.on('https://evil.example').post('/transfer', { to: 'bob', cents: '100' })).status).toBe(403);
  });

  it('lets a demotion act at the next request', async () => {
    const carol = await loggedIn('carol');
    expect((await carol.get('/admin')).status).toBe(200);
    await carol.post('/admin/carol/role', { role: 'customer' });
    expect((await carol.get('/admin')).status).toBe(403);
    await owner.query(`UPDATE bank_customer SET role = 'manager' WHERE user_id = 'carol'`);
  });

  it('logs out everywhere else and stays logged in here', async () => {
    const [here, there] = [await loggedIn('carol'), await loggedIn('carol')];
    expect((await here.post('/logout-elsewhere')).status).toBe(303);
    expect([(await here.get('/account')).status, (await there.get('/account')).status]).toEqual([200, 303]);
  });

  it('ends the other logins when the password changes', async () => {
    const [here, there] = [await loggedIn('bob'), await loggedIn('bob')];
    const answer = await here.post('/password', { password: 'a password of some length' });
    expect(await answer.text()).toMatch(/Logged out elsewhere: [1-9]/);
    expect((await there.get('/account')).status).toBe(303);
    expect(await endReasons('bob')).toContain('password_changed');
    expect(await clientless()).toEqual([]);
  });

  it('throws a locked customer out, and lets nobody in on that account', async () => {
    const [carol, alice] = [await loggedIn('carol'), await loggedIn('alice')];
    await carol.post('/admin/alice/lock');
    expect((await alice.get('/account')).status).toBe(303);
    expect(await endReasons('alice')).toContain('account_disabled');
    expect(await clientless()).toEqual([]);
    expect((await new Browser(site).post('/login', { userId: 'alice', password: passwords.alice })).status).toBe(401);
  });
});
