import { setTimeout as sleep } from 'node:timers/promises';
import { Bearers } from './bearers.js';
import { OwnServer } from './own-server.js';
import { factsAfter, nothingLost } from './recorded-facts.js';
import { startInstance, type RunningInstance } from './running-instance.js';

describe('PostgreSQL killed under load', () => {
  let server: OwnServer;
  let instances: RunningInstance[];

  beforeAll(async () => {
    server = await OwnServer.start();
    instances = [await startInstance(server.url), await startInstance(server.url, { instance: 'web-2' })];
  }, 60_000);

  afterAll(async () => {
    await Promise.all(instances.map((instance) => instance.stop()));
    await server.remove();
  }, 60_000);

  test('as a whole: what was confirmed is on the ledger, the instances go on by themselves, and nobody is logged out', async () => {
    const before = await instances[0]!.sessions.open({ userId: 'alice' });
    const bearers = new Bearers(
      instances.map(({ sessions }) => sessions),
      40,
    );

    await bearers.untilAccepted(500);
    await server.crash();
    await sleep(300);
    await server.resume();
    await bearers.untilAccepted(500);
    const told = await bearers.stop();

    const { used, ...facts } = await factsAfter(server.url, told);
    expect(facts).toEqual(nothingLost);
    expect(told.refused).toEqual({});
    expect(Object.keys(told.notRecorded)).toEqual(['ERR_LEDGER_UNAVAILABLE']);
    // A commit in doubt may be on the ledger although its request was refused: recorded without effect, never the reverse.
    expect(used).toBeLessThanOrEqual(told.accepted.length + told.notRecorded['ERR_LEDGER_UNAVAILABLE']!);
    expect(await instances[1]!.sessions.use(before.token)).toMatchObject({ active: true });
    expect(await gapsOn(server)).toEqual([]);
  }, 60_000);

  test('not killed but restarted in order (fast shutdown): refused meanwhile, nothing lost, nobody logged out, no gap', async () => {
    const usedBefore = await usesOn(server);
    const before = await instances[0]!.sessions.open({ userId: 'bob' });
    const bearers = new Bearers(
      instances.map(({ sessions }) => sessions),
      40,
    );
    await bearers.untilAccepted(500);
    await server.stop();
    await sleep(300);
    await server.resume();
    await bearers.untilAccepted(500);
    const told = await bearers.stop();

    const { used, ...facts } = await factsAfter(server.url, told);
    expect(facts).toEqual(nothingLost);
    expect(told.refused).toEqual({});
    expect(Object.keys(told.notRecorded)).toEqual(['ERR_LEDGER_UNAVAILABLE']);
    expect(used - usedBefore).toBeLessThanOrEqual(told.accepted.length + told.notRecorded['ERR_LEDGER_UNAVAILABLE']!);
    expect(await instances[1]!.sessions.use(before.token)).toMatchObject({ active: true });
    expect(await gapsOn(server)).toEqual([]);
  }, 60_000);

  test('in one backend, killed with signal 9, which makes PostgreSQL throw out everybody and recover', async () => {
    const bearers = new Bearers(
      instances.map(({ sessions }) => sessions),
      40,
    );
    await bearers.untilAccepted(500);
    const [backend] = await server.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'session-ledger web' ORDER BY query_start DESC LIMIT 1`,
    );
    process.kill(backend!.pid, 'SIGKILL');
    await sleep(100);
    await server.resume();
    await bearers.untilAccepted(500);
    const told = await bearers.stop();

    const { used, ...facts } = await factsAfter(server.url, told);
    expect(facts).toEqual(nothingLost);
    expect(used).toBeGreaterThanOrEqual(told.accepted.length);
    expect(told.refused).toEqual({});
    expect(Object.keys(told.notRecorded)).toEqual(['ERR_LEDGER_UNAVAILABLE']);
    expect(await gapsOn(server)).toEqual([]);
  }, 60_000);
});

async function usesOn(server: OwnServer): Promise<number> {
  const [counted] = await server.query(`SELECT count(*)::int AS uses FROM session_ledger.event WHERE kind = 'used'`);
  return counted?.['uses'];
}

async function gapsOn(server: OwnServer): Promise<unknown[]> {
  return server.query(`SELECT reason FROM session_ledger.event WHERE kind = 'gap'`);
}
