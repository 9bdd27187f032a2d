import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bearers } from './bearers.js';
import { Doorway } from './doorway.js';
import { present } from './ledger-contradictions.js';
import { OwnServer } from './own-server.js';
import { factsAfter, nothingLost } from './recorded-facts.js';
import { startInstance, type RunningInstance } from './running-instance.js';

describe('a server that takes no writes', () => {
  test('refuses every use as not recorded, and uses pass again by themselves when it does', async () => {
    const server = await OwnServer.start();
    const instance = await startInstance(server.url);
    const { token } = await instance.sessions.open({ userId: 'alice' });
    const bearers = new Bearers([instance.sessions], 10);
    await bearers.untilAccepted(100);

    await server.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await server.query('SELECT pg_reload_conf()');
    await untilNotRecorded(instance, token);
    const refused = await Promise.all(Array.from({ length: 20 }, () => present(instance.sessions, token)));
    expect(refused).toEqual(Array.from({ length: 20 }, () => ({ notRecorded: 'ERR_LEDGER_UNAVAILABLE' })));
    await server.query('ALTER SYSTEM RESET default_transaction_read_only');
    await server.query('SELECT pg_reload_conf()');
    await untilAccepted(instance, token);

    const told = await bearers.stop();
    const { used, ...facts } = await factsAfter(server.url, told);
    expect(facts).toEqual(nothingLost);
    expect(used).toBeGreaterThan(told.accepted.length); // and those of alice
    await instance.stop();
    await server.remove();
  }, 60_000);
});

describe('a primary that is lost, with a standby that had not heard of everything', () => {
  let primary: OwnServer;
  let standby: OwnServer;
  let door: Doorway;
  let instance: RunningInstance;

  beforeAll(async () => {
    primary = await OwnServer.start();
    await primary.stop();
    standby = await primary.copy({ primary_conninfo: `${primary.conninfo} application_name=standby` });
    await primary.resume();
    becomeStandby(standby);
    await standby.resume();
    door = await Doorway.open(primary.port);
    instance = await startInstance(door.urlOf(primary.url));
  }, 60_000);

  afterAll(async () => {
    await instance.stop();
    await door.close();
    await standby.remove();
    await primary.remove();
  }, 60_000);

  test('lets nobody in before it is promoted; then a gap is on the ledger, and nobody is live whose revocation may be lost', async () => {
    const [alice, bob, dave] = [
      await instance.sessions.open({ userId: 'alice' }),
      await instance.sessions.open({ userId: 'bob' }),
      await instance.sessions.open({ userId: 'dave' }),
    ];
    await instance.sessions.use(bob.token);
    await instance.sessions.revoke(dave.session.sessionId, { reason: 'logout' });
    const settledAt = await untilStandbySettled(primary, standby);
    const answersBefore = await liveAt(primary, settledAt);

    await standby.query('SELECT pg_wal_replay_pause()');
    await standby.crash(); // what comes now never reaches it
    expect(await instance.sessions.revoke(alice.session.sessionId, { reason: 'risk' })).toEqual({ revoked: 1 });
    const lost = await instance.sessions.open({ userId: 'dave' });
    await primary.crash();
    await standby.resume();
    door.leadTo(standby.port);

    expect(await present(instance.sessions, alice.token)).toEqual({ notRecorded: 'ERR_LEDGER_UNAVAILABLE' });
    // Connections made to a standby survive its promotion.
    expect(await standby.query('SELECT pg_promote() AS promoted')).toEqual([{ promoted: true }]);
    await untilFenceTries(standby);
    const outcome = await untilDecided(instance, alice.token);

    expect(outcome).toEqual({ refused: 'ended' });
    expect(await present(instance.sessions, bob.token)).toEqual({ refused: 'ended' });
    expect(
      await standby.query(
        `SELECT kind, reason FROM session_ledger.event WHERE kind IN ('gap', 'revoked') ORDER BY kind, seq`,
      ),
    ).toEqual([
      { kind: 'gap', reason: 'promoted' },
      { kind: 'revoked', reason: 'logout' },
      { kind: 'revoked', reason: 'restored' },
      { kind: 'revoked', reason: 'restored' },
    ]);
    expect(await gapAround(standby, settledAt, lost.session.createdAt)).toEqual([
      { begins_settled: false, covers: true, is_over: true },
    ]);
    await untilSettled(instance, lost.session.createdAt);
    expect(
      await instance.history.loginStateAt({ userId: 'dave', at: lost.session.createdAt }, { askedBy: 'test' }),
    ).toMatchObject({ answer: 'unknown', reason: 'gap', settled: true });
    expect(await liveAt(standby, settledAt)).toEqual(answersBefore);
    expect(answersBefore).toHaveLength(2);

    const told = await loadUntilAccepted(instance, 500);
    const { used, ...facts } = await factsAfter(standby.url, told);
    expect(facts).toEqual(nothingLost);
    expect(used).toBe(told.accepted.length + 1);
    expect(told.notRecorded).toEqual({});
  }, 90_000);
});

async function loadUntilAccepted(instance: RunningInstance, uses: number) {
  const bearers = new Bearers([instance.sessions], 10);
  await bearers.untilAccepted(uses);
  return bearers.stop();
}

/** Makes a stopped copy of a primary follow it. */
function becomeStandby(server: OwnServer): void {
  const signal = path.join(server.data, 'standby.signal');
  closeSync(openSync(signal, 'w'));
  server.belongsToServer(signal);
}

/** Waits until what has happened so far is settled, and the standby shows that it is. Answers the horizon. */
async function untilStandbySettled(primary: OwnServer, standby: OwnServer): Promise<string> {
  const [now] = await primary.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  for (;;) {
    const [settled] = await standby.query<{ at: string }>(
      'SELECT settled_at::text AS at FROM session_ledger.horizon WHERE settled_at > $1',
      [now!.now],
    );
    if (settled !== undefined) return settled.at;
    await sleep(50);
  }
}

/** The sessions that were live at an instant, with the events that say so. */
function liveAt(server: OwnServer, at: string): Promise<unknown[]> {
  return server.query(
    `SELECT e.session_id, d.seq::text, d.kind FROM session_ledger.event e
      CROSS JOIN LATERAL session_ledger.last_event_at(e.bucket, e.session_id, $1, 'infinity', '-infinity') d
      WHERE e.kind = 'created' AND session_ledger.is_live(d.kind, d.expires_at, $1) ORDER BY d.seq`,
    [at],
  );
}

/** Where the gap lies: beginning behind what was settled, and around what was lost. */
function gapAround(server: OwnServer, settledAt: string, lostAt: string): Promise<unknown[]> {
  return server.query(
    `SELECT (detail ->> 'from')::timestamptz <= $1 AS begins_settled,
            (detail ->> 'from')::timestamptz <= $2 AND $2 < (detail ->> 'to')::timestamptz AS covers,
            (detail ->> 'to')::timestamptz <= clock_timestamp() AS is_over
       FROM session_ledger.event WHERE kind = 'gap'`,
    [settledAt, lostAt],
  );
}

/** Waits until the fence has found its way to a server and tried to raise the horizon there. */
async function untilFenceTries(server: OwnServer): Promise<void> {
  const isThereSql = `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%advance_horizon()%' AND state = 'idle'`;
  while ((await server.query(isThereSql)).length === 0) await sleep(20);
}

async function untilSettled({ history }: RunningInstance, at: string): Promise<void> {
  for (;;) {
    const { settled } = await history.loginStateAt({ userId: 'dave', at }, { askedBy: 'test' });
    if (settled) return;
    await sleep(50);
  }
}

async function untilAccepted(instance: RunningInstance, token: string): Promise<void> {
  for (;;) if ('accepted' in (await present(instance.sessions, token))) return;
}

async function untilNotRecorded(instance: RunningInstance, token: string): Promise<void> {
  for (;;) if ('notRecorded' in (await present(instance.sessions, token))) return;
}

async function untilDecided(instance: RunningInstance, token: string): Promise<unknown> {
  for (;;) {
    const outcome = await present(instance.sessions, token);
    if (!('notRecorded' in outcome)) return outcome;
    await sleep(20);
  }
}
