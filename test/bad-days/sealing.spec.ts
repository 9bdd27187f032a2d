import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { SessionLedgerError } from '../../src/errors.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { liveLog } from '../../src/seal/live-log.js';
import { LogDirectory } from '../../src/seal/log-directory.js';
import { Sealer, type SealerOptions } from '../../src/seal/sealer.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyLog, type LogVerdict } from '../../src/seal/verifier.js';
import { logInDirectory } from '../../src/seal/verify-directory.js';
import { until } from '../seal/until.js';
import { Bearers } from './bearers.js';
import { Doorway } from './doorway.js';
import { OwnServer } from './own-server.js';
import { startInstance } from './running-instance.js';

jest.setTimeout(120_000);

const origin = 'ledger.example/bank';
const pem = SigningKey.generate(origin).toPem();
const programs = '/usr/lib/postgresql/15/bin';
const program = (name: string): string => path.join(programs, name);

describe('sealing on a bad day', () => {
  const directories: string[] = [];
  const servers: OwnServer[] = [];
  const sealers: Sealer[] = [];

  afterEach(async () => {
    for (const sealer of sealers.splice(0)) await sealer.stop();
    for (const server of servers.splice(0)) await server.remove();
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
  });

  test('a standby that was promoted before it had heard of the newest seals is not sealed as the same log; it goes on as another, which says how the first ended', async () => {
    const { primary, standby } = await primaryWithStandby();
    const door = await Doorway.open(primary.port);
    const directory = newDirectory();
    const failures: SessionLedgerError[] = [];
    const instance = await startInstance(door.urlOf(primary.url));
    await instance.sessions.open({ userId: 'alice' });
    const sealer = sealerOn(door.urlOf(primary.url), directory, {
      onFailure: (failure) => void failures.push(failure),
    });
    await sealer.sealOnce();
    await until(async () => (await sealedSize(standby)) > 0);
    await standby.query('SELECT pg_wal_replay_pause()');
    await standby.crash(); // what comes now never reaches it
    await instance.sessions.open({ userId: 'bob' });
    await sealer.sealOnce();
    const last = readFileSync(path.join(directory, 'signed'), 'utf8');
    sealer.start();

    await primary.crash();
    await standby.resume();
    door.leadTo(standby.port);
    await standby.query('SELECT pg_promote()');
    const refusal = (): SessionLedgerError | undefined => failures.find(({ code }) => code === 'ERR_EVIDENCE_REJECTED');
    await until(async () => refusal() !== undefined);
    expect(refusal()!.message).toMatch(/refusing to seal.*standby that was promoted.*SESSION_LEDGER_ORIGIN/);
    expect(readFileSync(path.join(directory, 'signed'), 'utf8')).toBe(last);
    await sealer.stop();

    const second = `${origin}-2`;
    const goingOn = newDirectory();
    await until(async () => (await gaps(standby)) === 1);
    await sealerOn(standby.url, goingOn, { origin: second, previousCheckpoint: last }).sealOnce();
    const keys = [SigningKey.fromPem(second, pem).vkey];
    expect(await verifyLog(await logInDirectory(goingOn), { keys })).toMatchObject({ holds: true, origin: second });
    const opened = await standby.query<{ detail: unknown; sealed: boolean }>(
      `SELECT detail, seq <= (SELECT min(h.last_seq) FROM session_ledger.published_checkpoint p JOIN session_ledger.tree_head h USING (size) WHERE p.origin = $1) AS sealed
         FROM session_ledger.event WHERE kind = 'origin_opened'`,
      [second],
    );
    expect(opened).toEqual([{ detail: { origin: second, previousCheckpoint: last }, sealed: true }]);
    await instance.stop();
    await door.close();
  });

  test('a copy of the data directory that is put back is refused, though nothing else tells that it is older', async () => {
    const server = await started();
    const directory = newDirectory();
    const instance = await startInstance(server.url);
    await instance.sessions.open({ userId: 'alice' });
    await sealerOn(server.url, directory).sealOnce();
    await instance.stop();
    await server.stop();
    const copy = await server.copy();
    servers.push(copy);
    await server.resume();
    const later = await startInstance(server.url);
    await later.sessions.open({ userId: 'bob' });
    await sealerOn(server.url, directory).sealOnce();
    await later.stop();
    await Promise.all(sealers.map((sealer) => sealer.stop()));
    await server.stop();
    server.putBack(copy);
    await server.resume();

    await expect(sealerOn(server.url, directory).sealOnce()).rejects.toThrow(/restored from an older backup/);
  });

  (existsSync(program('pg_dumpall')) ? describe : describe.skip)('with the programs of an installed PostgreSQL', () => {
    test('a logical dump that is restored into another cluster is sealed on as the same log, and each checkpoint continues the one before', async () => {
      const installed = { initdb: program('initdb'), postgres: program('postgres') };
      const [source, target] = [await started({ installed }), await started({ installed })];
      const directory = newDirectory();
      const first = await startInstance(source.url);
      await first.sessions.open({ userId: 'alice' });
      await sealerOn(source.url, directory).sealOnce();
      await first.stop();
      restore(dumpOf(source), target);
      const second = await startInstance(target.url);
      await second.sessions.open({ userId: 'bob' });
      await sealerOn(target.url, directory).sealOnce();
      await second.stop();

      expect(await verifiedLive(target)).toMatchObject({ holds: true, checkpoints: 2 });
      const keys = [SigningKey.fromPem(origin, pem).vkey];
      expect(await verifyLog(await logInDirectory(directory), { keys })).toMatchObject({ holds: true });
    });
  });

  test('no event is missed under load, rollbacks, a long transaction elsewhere, and a clock that steps back', async () => {
    const server = await started();
    const instance = await startInstance(server.url);
    const sealer = sealerOn(server.url, newDirectory(), { everyMs: 20, publishEveryMs: 50 });
    sealer.start();
    const elsewhere = new pg.Client(server.url);
    await elsewhere.connect();
    await elsewhere.query('BEGIN; CREATE TABLE elsewhere (a int); INSERT INTO elsewhere VALUES (1)');
    const bearers = new Bearers([instance.sessions], 10);
    const rollingBack = Promise.all(Array.from({ length: 4 }, () => rollBackOften(server.url)));
    await server.query(
      `SELECT setval('session_ledger.clock_floor', ((extract(epoch FROM clock_timestamp()) + 0.5) * 1000000)::bigint)`,
    );
    await rollingBack;
    const told = await bearers.stop();
    expect(told.accepted.length).toBeGreaterThan(0);
    await elsewhere.query('COMMIT');
    await elsewhere.end();
    await instance.stop();
    await sealer.stop();
    await sealerOn(server.url, directories.at(-1)!).sealOnce();

    const [counted] = await server.query<{ events: string }>('SELECT count(*) AS events FROM session_ledger.event');
    const verdict = await verifiedLive(server);
    expect(verdict).toMatchObject({ holds: true, size: Number(counted!.events) });
    expect(verdict.checkpoints).toBeGreaterThan(3);
  });

  async function started(options: Parameters<typeof OwnServer.start>[0] = {}): Promise<OwnServer> {
    const server = await OwnServer.start(options);
    servers.push(server);
    return server;
  }

  async function primaryWithStandby(): Promise<{ primary: OwnServer; standby: OwnServer }> {
    const primary = await started();
    await primary.stop();
    const standby = await primary.copy({ primary_conninfo: `${primary.conninfo} application_name=standby` });
    servers.push(standby);
    await primary.resume();
    const signal = path.join(standby.data, 'standby.signal');
    closeSync(openSync(signal, 'w'));
    standby.belongsToServer(signal);
    await standby.resume();
    return { primary, standby };
  }

  function newDirectory(): string {
    const directory = mkdtempSync(path.join(tmpdir(), 'bad-day-ledger-'));
    directories.push(directory);
    return directory;
  }

  function sealerOn(url: string, directory: string, options: Partial<SealerOptions> = {}): Sealer {
    const places = [new LogDirectory(directory)];
    const standard = { url, role: 'sealer', signingKeys: [pem], origin, places, onFailure: () => undefined } as const;
    const sealer = new Sealer({ ...standard, ...options });
    sealers.push(sealer);
    return sealer;
  }
});

async function sealedSize(server: OwnServer): Promise<number> {
  const rows = await server
    .query<{ size: number }>(
      `SELECT coalesce(max(size), 0)::int AS size FROM session_ledger.tree_head WHERE to_regclass('session_ledger.tree_head') IS NOT NULL`,
    )
    .catch(() => [{ size: 0 }]);
  return rows[0]!.size;
}

async function gaps(server: OwnServer): Promise<number> {
  const [found] = await server.query<{ gaps: number }>(
    `SELECT count(*)::int AS gaps FROM session_ledger.event WHERE kind = 'gap'`,
  );
  return found!.gaps;
}

async function verifiedLive(server: OwnServer): Promise<LogVerdict> {
  const reader = await ledgerDataSource({
    url: server.url,
    role: 'none',
    poolSize: 2,
    applicationName: 'test',
  }).initialize();
  const verdict = await verifyLog(await liveLog(reader), { keys: [SigningKey.fromPem(origin, pem).vkey] });
  await reader.destroy();
  return verdict;
}

async function rollBackOften(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  for (let at = 0; at < 40; at += 1) {
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by) VALUES ('noted', 0, session_ledger.ledger_clock(), 1)`,
    );
    await client.query('SELECT pg_sleep($1)', [Math.random() * 0.05]);
    await client.query(at % 2 === 0 ? 'ROLLBACK' : 'COMMIT');
  }
  await client.end();
}

function dumpOf(server: OwnServer): string {
  return execFileSync(program('pg_dumpall'), ['--no-role-passwords', '-d', server.url], {
    encoding: 'utf8',
    env: { ...process.env, PGPASSWORD: new URL(server.url).password },
    maxBuffer: 1 << 26,
  });
}

/** The superuser is there already, which the dump's script complains of and passes over. */
function restore(dump: string, server: OwnServer): void {
  execFileSync(program('psql'), ['--quiet', '-f', '-', server.url], {
    input: dump,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
}
