import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { contradictionsOnLedger, noContradictions } from '../bad-days/ledger-contradictions.js';
import { startServiceProcess, type ServiceProcess } from '../main/service-process.js';
import { openManySessions, type UserWithSessions } from './many-sessions.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

/*
 * Two processes of the service on one database, a load of uses on both, and revocations through either. What is
 * counted: after a revocation has returned to its caller, requests sent from then on that were let through.
 */

const users = 1_300;
const sessionsPerUser = 8;
const usersAtOnce = 12;

describe('promise 10: revocation is immediate', () => {
  let database: TestDatabase;
  let services: ServiceProcess[];
  let addresses: string[];
  let key: string;
  const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-two-'));
  // Sockets idle for less than the service keeps them: one that it closes while a request is on its way would be reset.
  const agent = new Agent({ keepAlive: true, maxSockets: 128, timeout: 2_000 });

  beforeAll(async () => {
    database = await createTestDatabase();
    const variables = { DATABASE_URL: database.url, SESSION_LEDGER_LOG_LEVEL: 'warn' };
    const first = startServiceProcess(path.join(folder, 'first'), variables);
    addresses = [await first.listening()];
    key = readFileSync(path.join(folder, 'first', 'admin-key'), 'utf8').trim();
    const second = startServiceProcess(path.join(folder, 'second'), variables);
    addresses.push(await second.listening());
    services = [first, second];
  }, 60_000);

  afterAll(async () => {
    agent.destroy();
    for (const service of services) service.process.kill('SIGTERM');
    const codes = await Promise.all(services.map((service) => service.ended()));
    if (codes.some((code) => code !== 0)) throw new Error(`the services ended with ${codes.join(' and ')}`);
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test('over 10,000 revocations of sessions under use, by two processes: not one later request is let through', async () => {
    const call = <Answer>(service: number, path: string, body: object): Promise<Answer> =>
      postJson(agent, addresses[service]!, key, path, body);
    const count = { revoked: 0, acceptedBefore: 0, sentAfter: 0, lateAccepted: 0 };

    const present = async (service: number, token: string): Promise<boolean> =>
      (
        await call<{ active: boolean }>(service, '/v1/sessions/use', {
          token,
          client: { ip: '203.0.113.7', userAgent: 'load' },
        })
      ).active;

    const oneUser = async ({ userId, sessions }: UserWithSessions, n: number): Promise<void> => {
      const over = new AbortController();
      const underUse = sessions.map(async ({ token }, i) => {
        while (!over.signal.aborted) {
          if (await present((i + n) % 2, token)) count.acceptedBefore += 1;
        }
      });
      const ids = sessions.map(({ sessionId }) => sessionId);
      const revoked = await revokeAll(n, userId, ids, call);
      over.abort();
      const later = await Promise.all(sessions.map(({ token }, i) => present((i + n + 1) % 2, token)));
      await Promise.all(underUse);
      count.revoked += revoked;
      count.sentAfter += later.length;
      count.lateAccepted += later.filter(Boolean).length;
    };

    const waiting = (await openManySessions(database.url, users, sessionsPerUser)).entries();
    await Promise.all(
      Array.from({ length: usersAtOnce }, async () => {
        for (const [n, user] of waiting) await oneUser(user, n);
      }),
    );

    expect(count).toMatchObject({
      revoked: users * sessionsPerUser,
      sentAfter: users * sessionsPerUser,
      lateAccepted: 0,
    });
    expect(count.acceptedBefore).toBeGreaterThan(users);
    const looking = new pg.Client({ connectionString: database.url });
    await looking.connect();
    expect(await contradictionsOnLedger(looking)).toEqual(noContradictions);
    const { rows } = await looking.query(
      `SELECT count(*)::integer AS used FROM session_ledger.event WHERE kind = 'used'`,
    );
    expect(rows).toEqual([{ used: count.acceptedBefore }]);
    await looking.end();
  }, 240_000);
});

/** Every third user session by session, the others all at once; through the first process or the second. */
async function revokeAll(
  n: number,
  userId: string,
  sessionIds: string[],
  call: <Answer>(service: number, path: string, body: object) => Promise<Answer>,
): Promise<number> {
  if (n % 3 !== 0)
    return (
      await call<{ revoked: number }>(n % 2, `/v1/users/${userId}/revoke-sessions`, { reason: 'password_changed' })
    ).revoked;
  const each = await Promise.all(
    sessionIds.map((id, i) => call<{ revoked: number }>(i % 2, `/v1/sessions/${id}/revoke`, { reason: 'admin' })),
  );
  return each.reduce((sum, { revoked }) => sum + revoked, 0);
}

function postJson<Answer>(agent: Agent, address: string, key: string, path: string, body: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${address}${path}`,
      {
        agent,
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 0) >= 300) reject(new Error(`${path} answered ${response.statusCode}: ${text}`));
          else resolve(JSON.parse(text) as Answer);
        });
      },
    );
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}
