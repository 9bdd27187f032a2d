import { spawn } from 'node:child_process';
import { chown, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { findRunningEmbeddedPostgres, startEmbeddedPostgres } from '../../src/postgres/embedded-server.js';
import { newDataDirectory, postmasterPid, query, removeDataDirectories, untilGone } from './data-directories.js';
import { startServerProcess, type ServerProcess } from './server-process.js';

let dataDir: string;

beforeAll(async () => {
  dataDir = await newDataDirectory(); // one for all: it is stopped, and found, by each test
});

afterAll(removeDataDirectories);

interface Orphan {
  cluster: string;
  pid: number;
  url: string;
}

/** A server with one committed row whose process was ended by SIGKILL. */
async function orphanedServer(): Promise<Orphan> {
  const server: ServerProcess = await startServerProcess(dataDir);
  const url = server.url ?? '';
  await query(url, 'CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer');
  await server.kill();
  const cluster = path.join(dataDir, 'postgres');
  return { cluster, pid: (await postmasterPid(cluster)) ?? 0, url };
}

/** Starts on the data directory, expects the committed row, and stops. */
async function startAndRead(): Promise<{ adopted: boolean; pid: number | undefined }> {
  const postgres = await startEmbeddedPostgres({ dataDir });
  expect(await query(postgres.superuserUrl('postgres'), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  const pid = await postmasterPid(path.join(dataDir, 'postgres'));
  await postgres.stop();
  expect(await postmasterPid(path.join(dataDir, 'postgres'))).toBeUndefined();
  return { adopted: postgres.adopted, pid };
}

describe('a server that its process left running', () => {
  it('is found by others, adopted by the next start, and stopped with it', async () => {
    const orphan = await orphanedServer();
    expect((await findRunningEmbeddedPostgres(dataDir))?.superuserUrl('postgres')).toBe(orphan.url);
    expect(await startAndRead()).toEqual({ adopted: true, pid: orphan.pid });
  });

  it('is stopped and started anew when it takes no more logins', async () => {
    const orphan = await orphanedServer();
    const lingering = new pg.Client({ connectionString: orphan.url });
    lingering.on('error', () => undefined); // ended together with the orphan, which is the point
    await lingering.connect();
    process.kill(orphan.pid, 'SIGTERM'); // smart shutdown: no new logins, and it waits for the one that lingers
    await expect(refusedLogins(orphan.url)).resolves.toMatch(/shutting down/);
    const restarted = await startAndRead();
    expect(restarted.adopted).toBe(false);
    expect(restarted.pid).not.toBe(orphan.pid);
  });
});

describe('a postmaster.pid that outlived its server', () => {
  it('does not keep the next start from recovering what was committed before both were killed', async () => {
    const orphan = await orphanedServer();
    process.kill(orphan.pid, 'SIGKILL');
    await untilGone(orphan.pid);
    expect(await postmasterPid(orphan.cluster)).toBe(orphan.pid);
    expect(await findRunningEmbeddedPostgres(dataDir)).toBeUndefined();
    expect((await startAndRead()).adopted).toBe(false);
  });

  it('is disregarded when its pid is given to a process of the same user, and when a crash left it empty', async () => {
    const orphan = await orphanedServer();
    const { uid, gid } = await stat(orphan.cluster);
    const pidFile = path.join(orphan.cluster, 'postmaster.pid');
    const [, ...rest] = (await readFile(pidFile, 'utf8')).split('\n');
    await (await startEmbeddedPostgres({ dataDir })).stop();
    const stranger = spawn('sleep', ['60'], process.getuid?.() === 0 ? { uid, gid } : {});
    try {
      for (const stale of [[stranger.pid, ...rest].join('\n'), '']) {
        await writeFile(pidFile, stale);
        await chown(pidFile, uid, gid);
        expect((await startAndRead()).adopted).toBe(false);
      }
      expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    } finally {
      stranger.kill();
    }
  });
});

async function refusedLogins(url: string): Promise<string> {
  for (;;) {
    try {
      await query(url, 'SELECT 1');
    } catch (refusal) {
      return (refusal as Error).message;
    }
  }
}
