import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { SessionLedgerError } from '../errors.js';
import { serverEnvironment } from './server-environment.js';

const run = promisify(execFile);

/**
 * When a process was started, as a token that only compares: pid and start together name one process, while a pid alone
 * is given out again. Undefined when no such process lives; a zombie has ended, even if nobody has taken note.
 *
 * @throws SessionLedgerError `ERR_EMBEDDED_POSTGRES` where it cannot be seen, for want of file descriptors or memory: that
 *   says nothing about the process.
 */
export async function processStart(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? startFromProc(pid) : startFromPs(pid);
}

/** The start of this process, which is what it signs its locks and records with. */
export async function ownProcessStart(): Promise<string> {
  const start = await processStart(process.pid);
  if (start !== undefined) return start;
  throw new SessionLedgerError(
    'ERR_EMBEDDED_POSTGRES',
    'The embedded PostgreSQL needs Linux with /proc mounted, or macOS; set DATABASE_URL to use a server of your own',
  );
}

/** The command line of a live process, its arguments apart; empty when it has ended. Throws like `processStart`. */
export async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    return (await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout;
  } catch (failure) {
    if (saysThatItHasEnded(failure)) return '';
    throw cannotBeSeen(pid, failure);
  }
}

async function startFromProc(pid: number): Promise<string | undefined> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (failure) {
    if (saysThatItHasEnded(failure)) return undefined;
    throw cannotBeSeen(pid, failure);
  }
  // proc_pid_stat(5): the name, in brackets, may hold anything; behind it stand the state (field 3) and, as field 22,
  // the start in clock ticks since boot. The boot id keeps two boots apart, which hand out the same pids at the same ticks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X' || ticks === undefined) return undefined;
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `${boot.slice(0, 8)}.${ticks}`;
}

async function startFromPs(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env: serverEnvironment });
    const [state, ...started] = stdout.trim().split(/\s+/);
    return state === undefined || state.startsWith('Z') ? undefined : started.join('.').replaceAll(':', '.');
  } catch (failure) {
    if (saysThatItHasEnded(failure)) return undefined;
    throw cannotBeSeen(pid, failure);
  }
}

/** `/proc` has no entry, or lost it while it was read; `ps` exits with 1. */
function saysThatItHasEnded(failure: unknown): boolean {
  const { code } = failure as { code?: unknown };
  return code === 'ENOENT' || code === 'ESRCH' || code === 1;
}

function cannotBeSeen(pid: number, cause: unknown): SessionLedgerError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new SessionLedgerError(
    'ERR_EMBEDDED_POSTGRES',
    `Whether process ${pid} lives cannot be seen (${code ?? message}); raise the limit of open files, or free memory`,
    { cause },
  );
}
