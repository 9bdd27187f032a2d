import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SessionLedgerError } from '../errors.js';
import { fileFailure } from './file-failure.js';
import { ownProcessStart, processStart } from './process-start.js';

/** Holds the data directory for this process until released, or until the process ends in whatever way. */
export interface DataDirectoryLock {
  release(): Promise<void>;
}

const rounds = 4;

/**
 * Takes the data directory for this process alone.
 *
 * Each process that wants it places an empty file `lock-<pid>-<start>` and looks around only then, so of two that come
 * together at least one sees the other and steps back; both may, hence the rounds with random pauses. Such a name is
 * never given twice, so what a dead process left can be removed without a race, which a single pid file does not allow:
 * of two that find it stale, the slower would remove the quicker one's new lock.
 *
 * @throws SessionLedgerError `ERR_DATA_DIRECTORY_IN_USE` while another process that holds it lives.
 */
export async function lockDataDirectory(dataDir: string): Promise<DataDirectoryLock> {
  for (let round = 1; ; round += 1) {
    const own = await placeClaim(dataDir);
    const other = await otherLiveProcess(dataDir, own);
    if (other === undefined) return { release: () => rm(join(dataDir, own), { force: true }) };
    await rm(join(dataDir, own), { force: true });
    if (round === rounds) throw inUse(dataDir, other);
    await pause(20 + Math.random() * 80);
  }
}

async function placeClaim(dataDir: string): Promise<string> {
  const name = `lock-${process.pid}-${await ownProcessStart()}`;
  try {
    await (await open(join(dataDir, name), 'wx', 0o600)).close();
    return name;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw inUse(dataDir, process.pid);
    throw fileFailure('write', join(dataDir, name), cause);
  }
}

async function otherLiveProcess(dataDir: string, own: string): Promise<number | undefined> {
  for (const name of await readdir(dataDir)) {
    const [, pid, start] = /^lock-(\d+)-(.+)$/.exec(name) ?? [];
    if (pid === undefined || name === own) continue;
    if ((await processStart(Number(pid))) === start) return Number(pid);
    await rm(join(dataDir, name), { force: true });
  }
  return undefined;
}

function inUse(dataDir: string, pid: number): SessionLedgerError {
  const holder = pid === process.pid ? `this process (${pid})` : `process ${pid}`;
  return new SessionLedgerError(
    'ERR_DATA_DIRECTORY_IN_USE',
    `The data directory ${dataDir} is already in use by ${holder}; stop it, or point SESSION_LEDGER_DATA_DIR ` +
      `elsewhere, or start this one with DATABASE_URL set to databaseUrl of ${join(dataDir, 'runtime.json')}`,
  );
}
