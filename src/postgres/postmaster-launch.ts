import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, rename, statfs, type FileHandle } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SessionLedgerError } from '../errors.js';
import type { ClusterLocation } from './cluster-location.js';
import { fileFailure } from './file-failure.js';
import { readIfPresent } from './private-file.js';
import { processStart } from './process-start.js';
import { stopPostmaster, type Postmaster } from './postmaster.js';
import type { ServerBinaries } from './server-binaries.js';
import { serverEnvironment } from './server-environment.js';
import { askDataDirectory } from './superuser-login.js';

/** What a launch needs beside the binaries. */
export interface Launch {
  dataDir: string;
  location: ClusterLocation;
  password: string;
  /** A port on which the server is known already; a free one when omitted. */
  port?: number;
  /** Ends the attempt, with whatever it has started. */
  signal?: AbortSignal;
}

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  cluster_name: 'session-ledger',
  max_connections: '60',
  shared_buffers: '128MB',
  max_wal_size: '512MB',
  // On the command line, where ALTER SYSTEM cannot turn it off: the ledger promises that what it accepted is on disk.
  fsync: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Details and statements of errors carry user ids and addresses, which are to be erasable: the log keeps neither.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
};

// A port that was free may be taken before the server binds it; processes of a server that was killed outlive it briefly.
const passingFailure = /could not (bind|create any TCP\/IP sockets)|pre-existing shared memory block/;
const attempts = 20;

// A start without a crash before it takes well under a second; recovery from one may honestly take minutes, and then
// the server says that it is at it (SQLSTATE 57P03).
const silenceLimitMilliseconds = 30_000;
const recoveryLimitMilliseconds = 900_000;

/**
 * Starts the server of a cluster that has none, on a port of 127.0.0.1, in a process group of its own, so that a
 * Ctrl-C meant for us does not reach it; resolves when it has answered a login. It outlives this process unless stopped.
 *
 * @throws SessionLedgerError `ERR_EMBEDDED_POSTGRES` with the end of the server's log.
 */
export async function launchPostmaster(binaries: ServerBinaries, launch: Launch): Promise<Postmaster> {
  const logFile = join(launch.dataDir, 'postgres.log');
  await rename(logFile, `${logFile}.previous`).catch(ignoreMissing);
  for (let attempt = 1; ; attempt += 1) {
    const failure = await launchOnce(binaries, launch, logFile);
    if (!('reason' in failure)) return failure;
    const said = (await readIfPresent(logFile)) ?? '';
    if (attempt === attempts || launch.signal?.aborted === true || !passingFailure.test(said))
      throw await notStarted(launch, failure.reason, said);
    await pause(250);
  }
}

async function launchOnce(
  binaries: ServerBinaries,
  launch: Launch,
  logFile: string,
): Promise<Postmaster | { reason: string }> {
  const { cluster, user } = launch.location;
  const port = launch.port ?? (await freePort());
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = await openLog(logFile);
  try {
    const server = spawn(binaries.postgres, ['-D', cluster, '-p', String(port), ...flags], {
      ...user,
      cwd: '/',
      env: serverEnvironment,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    await once(server, 'spawn');
    server.unref();
    const pid = server.pid as number;
    const postmaster = { pid, start: await startOf(server, pid), port, cluster };
    const reason = await whyItDoesNotAnswer(server, postmaster, launch);
    return reason === undefined ? postmaster : { reason };
  } catch (cause) {
    return { reason: (cause as Error).message };
  } finally {
    await log.close();
  }
}

/** When a server just spawned was started. One that cannot be told from others later on is not left running. */
async function startOf(server: ChildProcess, pid: number): Promise<string | undefined> {
  try {
    return await processStart(pid);
  } catch (failure) {
    server.kill('SIGINT');
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    throw failure;
  }
}

/** Waits for the first login; answers undefined then, or, with the server stopped, why there was none. */
async function whyItDoesNotAnswer(
  server: ChildProcess,
  postmaster: Postmaster,
  { password, signal }: Launch,
): Promise<string | undefined> {
  const begun = performance.now();
  let heard = begun;
  let lastWord = 'another server has its port';
  while (server.exitCode === null && server.signalCode === null) {
    try {
      if ((await askDataDirectory(postmaster.port, password)) === postmaster.cluster) return undefined;
    } catch (refusal) {
      const { code, message } = refusal as { code?: string; message: string };
      lastWord = message;
      if (code === '57P03') heard = performance.now();
    }
    if (signal?.aborted === true) {
      await stopPostmaster(postmaster);
      return 'it was told to stop';
    }
    if (performance.now() - heard > silenceLimitMilliseconds || performance.now() - begun > recoveryLimitMilliseconds) {
      await stopPostmaster(postmaster);
      return `it took no login within ${Math.round((performance.now() - begun) / 1000)} s (${lastWord})`;
    }
    await pause(25);
  }
  return `it ended with ${server.signalCode ?? `exit code ${server.exitCode}`}`;
}

async function notStarted({ location }: Launch, reason: string, log: string): Promise<SessionLedgerError> {
  const { bavail, bsize } = await statfs(location.home);
  const freeMegabytes = Math.floor((bavail * bsize) / 1e6);
  // On a full disk the log is often empty, since it lies on that disk too.
  const disk = freeMegabytes < 64 ? ` Its disk has ${freeMegabytes} MB left.` : '';
  const tail = log.trim().split('\n').slice(-20).join('\n');
  return new SessionLedgerError(
    'ERR_EMBEDDED_POSTGRES',
    `PostgreSQL did not start in ${location.cluster}: ${reason}.${disk} The end of its log:\n${tail || '(empty)'}`,
  );
}

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function openLog(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w', 0o600);
  } catch (cause) {
    throw fileFailure('write', path, cause);
  }
}

function ignoreMissing(cause: NodeJS.ErrnoException): void {
  if (cause.code !== 'ENOENT') throw cause;
}
