import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { runnableBinaries, type ServerBinaries } from '../../src/postgres/server-binaries.js';
import { serverEnvironment } from '../../src/postgres/server-environment.js';
import { serverUserForNewCluster, type ServerUser } from '../../src/postgres/server-user.js';
import { clusterPrefix, markOwner, reapAbandonedClusters } from './abandoned-clusters.js';

/** A PostgreSQL 18 of one test run; `url` logs in as its superuser. */
export interface Cluster {
  url: string;
  stop(): Promise<void>;
}

// Durability off: a test cluster never outlives its run. Connections: every spec file opens pools of its own.
const settings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '300',
};

/**
 * Creates and starts a cluster in a temporary folder, on a free port of 127.0.0.1, and waits until it answers.
 *
 * @param installed another PostgreSQL of this machine; the embedded one when omitted.
 */
export async function startCluster(installed?: ServerBinaries): Promise<Cluster> {
  const user = await serverUserForNewCluster();
  await reapAbandonedClusters();
  const root = mkdtempSync(path.join(tmpdir(), clusterPrefix));
  chmodSync(root, 0o755); // mkdtemp makes 0700, which the server's user could not enter
  markOwner(root);
  const binaries = installed ?? (await runnableBinaries(root, user));
  const password = randomBytes(16).toString('hex');
  const data = initialise(root, binaries, user, password);
  const port = await freePort();
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(binaries.postgres, ['-D', data, '-p', String(port), ...flags], {
    ...user,
    cwd: root,
    env: serverEnvironment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const log: string[] = [];
  server.stderr.on('data', (chunk) => log.push(String(chunk)));
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  await untilItAnswers(server, url, log);
  return { url, stop: () => stop(server, root) };
}

/** Makes an empty cluster in `<root>/data`, which it returns. */
export function initialise(
  root: string,
  binaries: ServerBinaries,
  user: ServerUser | undefined,
  password: string,
): string {
  const data = path.join(root, 'data');
  const passwordFile = path.join(root, 'password');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  for (const file of [data, passwordFile]) {
    if (user !== undefined) chownSync(file, user.uid, user.gid);
  }
  const flags = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'];
  execFileSync(binaries.initdb, ['-D', data, ...flags, '--locale=C', '--no-sync'], {
    ...user,
    cwd: root,
    env: serverEnvironment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return data;
}

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => probe.once('listening', resolve).once('error', reject));
  const { port } = probe.address() as net.AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function untilItAnswers(server: ChildProcess, url: string, log: string[]): Promise<void> {
  const triesOf50Ms = 600;
  for (let tried = 0; tried < triesOf50Ms && server.exitCode === null; tried += 1) {
    if (await answers(url)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  server.kill('SIGQUIT');
  throw new Error(`the test cluster does not answer:\n${log.join('')}`);
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false; // refused while starting up; the caller tries again and gives up with the server's log
  }
}

async function stop(server: ChildProcess, root: string): Promise<void> {
  if (server.exitCode === null) {
    const exited = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGINT'); // fast shutdown: connections that a spec left open are closed
    await exited;
  }
  rmSync(root, { recursive: true, force: true });
}
