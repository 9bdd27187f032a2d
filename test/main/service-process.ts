import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { programOf } from '../setup/compiled-package.js';

/** The service in a process of its own, as `npm start` runs it. */
export interface ServiceProcess {
  readonly process: ChildProcess;
  /** What it wrote to standard output, and to standard error. */
  printed(): string;
  logged(): string;
  /** Resolves with its address once it listens; rejects with what it said when it ended instead. */
  listening(): Promise<string>;
  /** Resolves with its exit code, or the signal that ended it. */
  ended(): Promise<number | string>;
}

/** How node runs the built service, which it builds when the sources have changed since. */
export const built = [path.resolve(import.meta.dirname, '..', '..', 'scripts/start.mjs')];

export function startServiceProcess(
  dataDir: string,
  variables: Record<string, string> = {},
  program: readonly string[] = [programOf('main')],
): ServiceProcess {
  const { PATH, HOME } = process.env;
  const service = spawn(process.execPath, program, {
    cwd: path.dirname(dataDir),
    env: {
      PATH,
      HOME,
      PORT: '0',
      SESSION_LEDGER_DATA_DIR: dataDir,
      SESSION_LEDGER_DRAIN_PAUSE_SECONDS: '0',
      ...variables,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  service.stdout.on('data', (chunk) => (said.out += String(chunk)));
  service.stderr.on('data', (chunk) => (said.err += String(chunk)));
  const ended = once(service, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return {
    process: service,
    printed: () => said.out,
    logged: () => said.err,
    ended: () => ended,
    listening: async () => {
      for (;;) {
        const address = /listens on (\S+)/.exec(said.out)?.[1];
        if (address !== undefined) return address;
        if (service.exitCode !== null) throw new Error(`the service ended:\n${said.out}${said.err}`);
        await pause(20);
      }
    },
  };
}

/** What the running instance says of itself. */
export function runtimeRecordOf(dataDir: string): { port: number; pid: number; databaseUrl: string } | undefined {
  const file = path.join(dataDir, 'runtime.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
