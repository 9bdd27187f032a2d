import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Bearers } from './bearers.js';
import { present } from './ledger-contradictions.js';
import { OwnServer } from './own-server.js';
import { factsAfter, nothingLost } from './recorded-facts.js';
import { startInstance } from './running-instance.js';

// Where Debian and Ubuntu install it (apt-get install postgresql-15); the embedded PostgreSQL comes without pg_dump.
const programs = '/usr/lib/postgresql/15/bin';
const program = (name: string): string => path.join(programs, name);
const installed = { initdb: program('initdb'), postgres: program('postgres') };

(existsSync(program('pg_dumpall')) ? describe : describe.skip)('a dump that is restored into another cluster', () => {
  let source: OwnServer;
  let target: OwnServer;

  beforeAll(async () => {
    source = await OwnServer.start({ installed });
    target = await OwnServer.start({ installed });
  }, 60_000);

  afterAll(async () => {
    await source.remove();
    await target.remove();
  }, 60_000);

  test('restores whole; the first start records a gap and revokes who was live, since a revocation may be missing from the dump', async () => {
    const first = await startInstance(source.url);
    const alice = await first.sessions.open({ userId: 'alice', client: { ip: '203.0.113.7' } });
    await first.sessions.use(alice.token);
    const dump = dumpOf(source);
    await first.sessions.revoke(alice.session.sessionId, { reason: 'risk' });
    await first.stop();

    expect(complaintsOfRestoring(dump, target.url)).toEqual(['ERROR:  role "postgres" already exists']);
    const second = await startInstance(target.url);

    expect(await present(second.sessions, alice.token)).toEqual({ refused: 'ended' });
    expect(await target.query(`SELECT kind, reason FROM session_ledger.event ORDER BY seq DESC LIMIT 2`)).toEqual([
      { kind: 'revoked', reason: 'restored' },
      { kind: 'gap', reason: 'restored' },
    ]);
    await expect(target.query('DELETE FROM session_ledger.event')).rejects.toThrow(/append-only/);
    const bearers = new Bearers([second.sessions], 5);
    await bearers.untilAccepted(100);
    const told = await bearers.stop();
    const { used, ...facts } = await factsAfter(target.url, told);
    expect(facts).toEqual(nothingLost);
    expect(used).toBe(told.accepted.length + 1);
    await second.stop();
  }, 60_000);
});

describe('a copy of the data directory that is put back', () => {
  test('is recognised by instances that had seen more of it: one gap, nobody is live whose revocation may be lost, and they go on', async () => {
    const server = await OwnServer.start();
    const early = await startInstance(server.url, { instance: 'early' });
    const alice = await early.sessions.open({ userId: 'alice' });
    await server.stop();
    const copy = await server.copy();
    await server.resume();
    const [copied] = await server.query<{ until: string }>(
      'SELECT session_ledger.rfc3339(settled_at) AS until FROM session_ledger.horizon',
    );
    const late = await startInstance(server.url, { instance: 'late' });
    await late.sessions.open({ userId: 'bob', client: { ip: '203.0.113.7' } });
    await late.sessions.use(alice.token, { client: { ip: '203.0.113.8' } });
    await late.sessions.revoke(alice.session.sessionId, { reason: 'risk' });
    // Within half a second an instance raises the horizon, or finds it raised.
    while (!(late.knownUntil()! > copied!.until)) await sleep(20);

    await server.stop();
    server.putBack(copy);
    await server.resume();

    // The one that had seen more asks first. Whom the other had let in before that would have to log in again, too.
    let found = await present(late.sessions, alice.token);
    while ('notRecorded' in found) found = await present(late.sessions, alice.token);
    expect(found).toEqual({ refused: 'ended' });
    const bearers = new Bearers([late.sessions, early.sessions], 5);
    await bearers.untilAccepted(100);
    const told = await bearers.stop();
    expect(
      await server.query(
        `SELECT kind, reason FROM session_ledger.event WHERE kind = 'gap' OR reason = 'restored' ORDER BY seq`,
      ),
    ).toEqual([
      { kind: 'gap', reason: 'restored' },
      { kind: 'revoked', reason: 'restored' },
    ]);
    expect(told.refused).toEqual({});
    const { used, ...facts } = await factsAfter(server.url, told);
    expect(facts).toEqual(nothingLost);
    expect(used).toBeGreaterThan(0);
    expect(await server.query(recordedByNobodySql)).toEqual([]);
    await early.stop();
    await late.stop();
    await copy.remove();
    await server.remove();
  }, 60_000);
});

const recordedByNobodySql = `
SELECT e.kind, e.recorded_by, e.client_id FROM session_ledger.event e
 WHERE NOT EXISTS (SELECT 1 FROM session_ledger.recorder r WHERE r.recorder_id = e.recorded_by)
    OR (e.client_id IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM session_ledger.client c WHERE c.bucket = e.bucket AND c.client_id = e.client_id))
 LIMIT 5`;

/** Roles and data, as an operator's backup script takes them. */
function dumpOf(server: OwnServer): string {
  return execFileSync(program('pg_dumpall'), ['--no-role-passwords', '-d', server.url], {
    encoding: 'utf8',
    env: { ...process.env, PGPASSWORD: new URL(server.url).password },
    maxBuffer: 1 << 26,
  });
}

/** Runs a dump and answers the errors it met. */
function complaintsOfRestoring(dump: string, url: string): string[] {
  const said = execFileSync('sh', ['-c', `exec "$0" --quiet -f - "$1" 2>&1`, program('psql'), url], {
    input: dump,
    encoding: 'utf8',
  });
  return said.split('\n').flatMap((line) => /ERROR:.*/.exec(line)?.[0] ?? []);
}
