import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SessionLedgerError } from '../errors.js';
import { readIfPresent } from './private-file.js';
import { commandLine, processStart } from './process-start.js';

/** A live PostgreSQL server process of a cluster, and the TCP port of 127.0.0.1 it was told to listen on. */
export interface Postmaster {
  pid: number;
  /** With the pid it names the process, which the pid alone does not for long. */
  start: string | undefined;
  port: number;
  cluster: string;
}

/**
 * The live server process that the cluster's `postmaster.pid` names; undefined when that is dead or, its pid given out
 * again, somebody else's. The file's lines (PostgreSQL's pidfile.h): pid, data directory, start, port, ...
 */
export async function findPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const [pid, , , port] = (await readPidFile(cluster)) ?? [];
  const start = await processStart(Number(pid));
  const serves = start !== undefined && (await commandLine(Number(pid))).includes(` -D ${cluster} `);
  return serves ? { pid: Number(pid), start, port: Number(port), cluster } : undefined;
}

/**
 * Makes the server disregard a `postmaster.pid` whose pid now is somebody else's, over which it would refuse to start.
 * The file is kept and our own pid put into it, for a server takes its parent's pid as stale: so it still checks the
 * shared memory that the file names, and does not start beside processes of the old server that outlive their parent.
 */
export async function disownPidFile(cluster: string): Promise<void> {
  const [pid, ...rest] = (await readPidFile(cluster)) ?? [];
  if (pid === '')
    await rm(pidFile(cluster)); // cut short by a crash or a full disk: the server would refuse it for good
  else if (pid !== undefined) await writeFile(pidFile(cluster), [process.pid, ...rest].join('\n'));
}

/**
 * Stops a server: fast shutdown (open transactions are rolled back, all is written out), and if that hangs, immediate
 * shutdown, from which the next start recovers, and the kill after which it does too.
 *
 * @throws SessionLedgerError `ERR_EMBEDDED_POSTGRES` when even that does not end it (a process stuck in the kernel).
 */
export async function stopPostmaster(postmaster: Postmaster): Promise<void> {
  const steps = [
    ['SIGINT', 60_000],
    ['SIGQUIT', 10_000],
    ['SIGKILL', 5_000],
  ] as const;
  for (const [signal, patienceMilliseconds] of steps) {
    const until = performance.now() + patienceMilliseconds;
    let isTold = false;
    while (performance.now() < until) {
      // Undefined where it cannot be seen now: its pid may be somebody else's by then, who is not to be told anything.
      const ended = await hasEnded(postmaster).catch(() => undefined);
      if (ended === true) return;
      if (ended === false && !isTold) sendSignal(postmaster.pid, signal);
      isTold ||= ended === false;
      await pause(20);
    }
  }
  if (await hasEnded(postmaster)) return;
  throw new SessionLedgerError(
    'ERR_EMBEDDED_POSTGRES',
    `PostgreSQL (process ${postmaster.pid}) of ${postmaster.cluster} does not end; its disk may hang`,
  );
}

/** Whether the process is gone; another that was given its pid is not it. Throws where it cannot be seen. */
export async function hasEnded({ pid, start }: Postmaster): Promise<boolean> {
  const now = await processStart(pid);
  return now === undefined || now !== start;
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'ESRCH') throw failure; // it has just ended by itself
  }
}

async function readPidFile(cluster: string): Promise<string[] | undefined> {
  return (await readIfPresent(pidFile(cluster)))?.split('\n');
}

function pidFile(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}
