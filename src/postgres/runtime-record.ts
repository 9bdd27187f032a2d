import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFailure } from './file-failure.js';
import { readIfPresent, writePrivateFile } from './private-file.js';
import { ownProcessStart, processStart } from './process-start.js';

/** What `runtime.json` says of the running instance. `databaseUrl` is a login with which a second one can start. */
export interface RuntimeRecord {
  port: number;
  pid: number;
  databaseUrl: string;
}

type StoredRecord = RuntimeRecord & { processStart: string };

/**
 * Publishes this process as the running instance of the data directory (`runtime.json`, mode 0600).
 *
 * @returns false, with nothing written, while the file speaks of another live process: a second instance that was
 *   started with DATABASE_URL on the same data directory leaves the first one's record alone.
 */
export async function publishRuntimeRecord(dataDir: string, record: Omit<RuntimeRecord, 'pid'>): Promise<boolean> {
  const published = await readRuntimeRecord(dataDir);
  if (published !== undefined && published.pid !== process.pid) return false;
  const signature = { pid: process.pid, processStart: await ownProcessStart() };
  const stored: StoredRecord = { port: record.port, databaseUrl: record.databaseUrl, ...signature };
  await writePrivateFile(runtimeFile(dataDir), `${JSON.stringify(stored, null, 2)}\n`);
  return true;
}

/** The record of the instance that runs on this data directory; undefined when none does, whatever a dead one left. */
export async function readRuntimeRecord(dataDir: string): Promise<RuntimeRecord | undefined> {
  const text = await readIfPresent(runtimeFile(dataDir));
  if (text === undefined) return undefined;
  const stored = parse(text, runtimeFile(dataDir));
  if ((await processStart(stored.pid)) !== stored.processStart) return undefined;
  return { port: stored.port, pid: stored.pid, databaseUrl: stored.databaseUrl };
}

/** Takes this process's record back at stop; another's stays. */
export async function withdrawRuntimeRecord(dataDir: string): Promise<void> {
  const published = await readRuntimeRecord(dataDir);
  if (published?.pid === process.pid) await rm(runtimeFile(dataDir), { force: true });
}

function parse(text: string, file: string): StoredRecord {
  try {
    return JSON.parse(text) as StoredRecord;
  } catch (cause) {
    throw fileFailure('understand', file, cause);
  }
}

function runtimeFile(dataDir: string): string {
  return join(dataDir, 'runtime.json');
}
