import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { runTypescript } from '../setup/run-typescript.js';

/** What the process told of itself: where it serves, or why it does not. */
export interface ToldByProcess {
  port?: number;
  adopted?: boolean;
  url?: string;
  code?: string;
  message?: string;
}

/** A Node process of its own that runs `startEmbeddedPostgres`, as a service would. */
export interface ServerProcess extends ToldByProcess {
  pid: number;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, without a chance to stop its server. */
  kill(): Promise<void>;
}

const projectRoot = path.resolve(import.meta.dirname, '..', '..');
const started = new Set<ChildProcess>();

/** Starts the process from this checkout or a copy of it and waits until it has told what became of it. */
export async function startServerProcess(
  dataDir: string,
  options: { checkout?: string; userId?: number } = {},
): Promise<ServerProcess> {
  const checkout = options.checkout ?? projectRoot;
  const program = path.join(checkout, 'test', 'postgres', 'embedded-server-program.ts');
  const userId = options.userId === undefined ? [] : [String(options.userId)];
  const child = spawn(process.execPath, [...runTypescript, program, dataDir, ...userId], {
    cwd: checkout,
    detached: true, // a process group of its own, like a terminal's foreground job
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.add(child);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const told = await firstLine(child);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  const kill = async () => void (await end('SIGKILL'));
  return { ...told, pid: child.pid as number, stop: () => end('SIGTERM'), kill };
}

/** Ends what a failed test left running. */
export function endServerProcesses(): void {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
}

async function firstLine(child: ChildProcess): Promise<ToldByProcess> {
  if (child.stdout === null) throw new Error('the process was started without a pipe');
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as ToldByProcess;
  throw new Error(`the process ended (${child.exitCode}) without a word`);
}
