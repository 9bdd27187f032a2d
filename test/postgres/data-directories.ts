import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { endServerProcesses } from './server-process.js';

const made: string[] = [];

/** A temporary folder that everybody may enter, so that the server's user may; gone after the spec file. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'session-ledger-embedded-'));
  await chmod(folder, 0o755);
  made.push(folder);
  return folder;
}

/** Path of a data directory that does not exist yet. */
export async function newDataDirectory(): Promise<string> {
  return path.join(await makeFolder(), 'data');
}

/** The pid that a cluster's server has written down; undefined when it runs no more. */
export async function postmasterPid(cluster: string): Promise<number | undefined> {
  try {
    return Number.parseInt(await readFile(path.join(cluster, 'postmaster.pid'), 'utf8'), 10);
  } catch {
    return undefined;
  }
}

/** Waits until a process has gone. */
export async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await pause(10);
  }
}

/** Runs one statement on a connection of its own; any failure to connect rejects. */
export async function query(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** After each spec file: no process, no server and no folder of its tests is left. */
export async function removeDataDirectories(): Promise<void> {
  endServerProcesses();
  for (const folder of made.splice(0)) {
    const pid = await postmasterPid(path.join(folder, 'data', 'postgres'));
    if (pid !== undefined) await endPostmaster(pid);
    await rm(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

async function endPostmaster(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    return; // a stale file: nothing runs there
  }
  await untilGone(pid);
}
