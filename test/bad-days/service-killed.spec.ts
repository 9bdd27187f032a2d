import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientOf } from '../http/client.js';
import { startServiceProcess } from '../main/service-process.js';
import { freePort } from '../setup/cluster.js';
import { openedTokens, useOnce } from './http-bearers.js';
import type { AcceptedUse } from './ledger-contradictions.js';
import { OwnServer } from './own-server.js';
import { factsAfter, nothingLost } from './recorded-facts.js';

type Api = ReturnType<typeof clientOf>;

describe('the service in processes of its own', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-killed-'));
  let server: OwnServer;

  beforeAll(async () => {
    server = await OwnServer.start();
  }, 60_000);

  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const start = (name: string, variables: Record<string, string> = {}) =>
    startServiceProcess(path.join(folder, name), {
      DATABASE_URL: server.url,
      SESSION_LEDGER_LOG_LEVEL: 'fatal',
      ...variables,
    });

  test('waits for PostgreSQL that is down at the start, alive and not ready, and comes up by itself when it is up', async () => {
    await server.stop();
    const port = String(await freePort());
    const service = start('first', { PORT: port });
    const api = clientOf(`http://127.0.0.1:${port}`);
    await untilAlive(api);
    for (const [path, body] of [['/health/ready'], ['/v1/sessions/use', { token: 'x' }]] as const) {
      const refused = await api.send(path, { body });
      expect(refused).toMatchObject({ status: 503, body: { code: 'ERR_LEDGER_UNAVAILABLE' } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
    expect(service.printed()).toMatch(/^Cannot start yet, trying again: the ledger cannot be reached[^\n]*\n$/);
    await server.resume();
    expect(await service.listening()).toBe(`http://127.0.0.1:${port}`);
    expect((await api.get('/health/ready')).status).toBe(200);
    service.process.kill('SIGTERM');
    expect(await service.ended()).toBe(0);
  }, 90_000);

  test('stops as well when it is told to while it waits for PostgreSQL', async () => {
    await server.stop();
    const port = String(await freePort());
    const service = start('first', { PORT: port });
    await untilAlive(clientOf(`http://127.0.0.1:${port}`));
    service.process.kill('SIGTERM');
    expect(await service.ended()).toBe(0);
    expect(service.logged()).toBe('');
    await server.resume();
  }, 90_000);

  test('ends with 1 and says why when PostgreSQL is up and refuses the login: waiting would not mend that', async () => {
    const url = new URL(server.url);
    url.password = 'wrong';
    const service = start('first', { DATABASE_URL: url.toString() });
    expect(await service.ended()).toBe(1);
    expect(service.logged()).toMatch(/check the password in the database URL[^\n]*\(ERR_LEDGER_UNAVAILABLE\)\n$/);
    expect(service.logged()).not.toContain('wrong');
  }, 90_000);

  test('killed with signal 9 in the middle of batches: what it answered is on the ledger, the other goes on, no lock stays', async () => {
    const [killed, other] = [start('first'), start('second')];
    const addresses = await Promise.all([killed.listening(), other.listening()]);
    const key = readFileSync(path.join(folder, 'first', 'admin-key'), 'utf8').trim();
    const apis = addresses.map((address) => clientOf(address, key));
    const tokens = await openedTokens(apis[1]!, 24);

    const accepted: AcceptedUse[] = [];
    const over = new AbortController();
    const bearers = tokens.flatMap((token) =>
      apis.map(async (api) => {
        while (!over.signal.aborted && (await useOnce(api, token, accepted)) !== 'gone');
      }),
    );
    while (accepted.length < 200) await sleep(10);
    killed.process.kill('SIGKILL');
    expect(await killed.ended()).toBe('SIGKILL');
    const acceptedByThen = accepted.length;
    while (accepted.length < acceptedByThen + 100) await sleep(10);
    over.abort();
    await Promise.all(bearers);
    const again = await Promise.all(tokens.map((token) => apis[1]!.post('/v1/sessions/use', { token })));

    expect(again.map(({ status, body }) => ({ status, active: body['active'] }))).toEqual(
      tokens.map(() => ({ status: 200, active: true })),
    );
    const told = { accepted, opened: [], revoked: [], notRecorded: {}, refused: {}, late: 0 };
    const { used, ...facts } = await factsAfter(server.url, told);
    expect(facts).toEqual(nothingLost);
    // What was on its way through the killed process when it ended may be recorded, one use per bearer at most.
    expect(used - accepted.length - again.length).toBeLessThanOrEqual(tokens.length);
    other.process.kill('SIGTERM');
    expect(await other.ended()).toBe(0);
  }, 90_000);
});

async function untilAlive(api: Api): Promise<void> {
  for (;;) {
    try {
      if ((await api.get('/health/live')).status === 200) return;
    } catch {
      await sleep(50); // it does not listen yet
    }
  }
}
