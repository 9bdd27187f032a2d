import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { programOf } from '../setup/compiled-package.js';

/** What a command left behind. */
export interface Ran {
  code: number | null;
  out: string;
  err: string;
}

/** Runs `session-ledger <words>` in a process of its own, with what it reads from standard input. */
export async function sessionLedger(words: string[], variables: Record<string, string> = {}, input = ''): Promise<Ran> {
  const { command, ran, ended } = startSessionLedger(words, variables);
  command.stdin.end(input);
  await ended;
  return ran;
}

/** Starts it, for whoever wants to meet it on its way; it ends with a code, or by a signal. */
export function startSessionLedger(
  words: string[],
  variables: Record<string, string> = {},
): { command: ChildProcessWithoutNullStreams; ran: Ran; ended: Promise<number | NodeJS.Signals | null> } {
  const { PATH, HOME } = process.env;
  const command = spawn(process.execPath, [programOf('cli'), ...words], {
    env: { PATH, HOME, TZ: 'Europe/Berlin', ...variables },
  });
  const ran: Ran = { code: null, out: '', err: '' };
  command.stdout.on('data', (chunk) => (ran.out += String(chunk)));
  command.stderr.on('data', (chunk) => (ran.err += String(chunk)));
  const ended = once(command, 'close').then(([code, signal]) => {
    ran.code = code as number | null;
    return (signal ?? code) as number | NodeJS.Signals | null;
  });
  return { command, ran, ended };
}
