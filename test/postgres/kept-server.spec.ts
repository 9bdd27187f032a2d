import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-server.js';
import { newDataDirectory, postmasterPid, query, removeDataDirectories, untilGone } from './data-directories.js';
import { startServerProcess } from './server-process.js';

let dataDir: string;

beforeAll(async () => {
  dataDir = await newDataDirectory(); // one for all: its cluster is made by the first test, and found by the others
});

afterAll(removeDataDirectories);

const pidNow = () => postmasterPid(path.join(dataDir, 'postgres'));

/** Kills the server, and answers its pid. */
async function killServer(): Promise<number> {
  const pid = (await pidNow()) ?? 0;
  process.kill(pid, 'SIGKILL');
  return pid;
}

async function untilAnswered(url: string): Promise<unknown> {
  for (;;) {
    try {
      return await query(url, 'SELECT answer FROM kept');
    } catch {
      await pause(20);
    }
  }
}

describe('a server that ends without being told to', () => {
  it('is started again, on the same port and with what was committed, as often as it ends', async () => {
    const told: string[] = [];
    const postgres = await startEmbeddedPostgres({ dataDir, log: (line) => told.push(line) });
    const url = postgres.superuserUrl('postgres');
    await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    for (let time = 1; time <= 2; time += 1) {
      const killed = await killServer();
      expect(await untilAnswered(url)).toEqual([{ answer: 42 }]);
      expect(await pidNow()).not.toBe(killed);
      while (told.filter((line) => line.startsWith('PostgreSQL runs again')).length < time) await pause(10);
      expect(told.join('\n')).toContain(`PostgreSQL (process ${killed}) has ended without being told to`);
    }
    await postgres.stop();
    expect(await pidNow()).toBeUndefined();
  });

  it('is started again too when it was adopted', async () => {
    const orphaning = await startServerProcess(dataDir);
    await orphaning.kill();
    const postgres = await startEmbeddedPostgres({ dataDir });
    expect(postgres.adopted).toBe(true);
    await killServer();
    expect(await untilAnswered(postgres.superuserUrl('postgres'))).toEqual([{ answer: 42 }]);
    await postgres.stop();
  });

  it('is not started again once it is to stop, also when that comes in the middle', async () => {
    const told: string[] = [];
    const postgres = await startEmbeddedPostgres({ dataDir, log: (line) => told.push(line) });
    await untilGone(await killServer());
    while (told.length === 0) await pause(5);
    await postgres.stop();
    await pause(600);
    const left = await pidNow();
    expect(left === undefined || !isAlive(left)).toBe(true);
    await (await startEmbeddedPostgres({ dataDir })).stop();
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
