import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { residentBytes, stopProcess } from './running-peer.js';

/** The service as its operators start it, with a key that may ask. */
export interface RunningService {
  address: string;
  key: string;
  residentBytes(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts the built service on a database that has been migrated, on a free port. */
export async function startService(
  databaseUrl: string,
  variables: Record<string, string> = {},
): Promise<RunningService> {
  const dataDir = await mkdtemp(join(tmpdir(), 'session-ledger-bench-'));
  const key = randomBytes(32).toString('hex');
  const service = spawn(process.execPath, [join(import.meta.dirname, '..', 'dist', 'src', 'main.js')], {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      PORT: '0',
      DATABASE_URL: databaseUrl,
      SESSION_LEDGER_DATA_DIR: dataDir,
      SESSION_LEDGER_ADMIN_KEY: key,
      SESSION_LEDGER_LOG_LEVEL: 'warn',
      ...variables,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async (): Promise<void> => {
    await stopProcess(service);
    await rm(dataDir, { recursive: true, force: true });
  };
  for await (const line of createInterface(service.stdout)) {
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (address !== undefined) {
      service.stdout.resume();
      return { address, key, residentBytes: () => residentBytes(service), stop };
    }
  }
  await stop();
  throw new Error('the service ended before it listened');
}
