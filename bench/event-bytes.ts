/*
 * Bytes on disk per `used` event, with all indexes, when the uses of many sessions arrive interleaved, as they do: the
 * pages of the index on sessions are then split in the middle and not filled to the end. Sessions of about equal length have their
 * pages full, or just split, at about the same time: what counts is the mean of three lengths, each half as long again.
 * Then what a session takes beside its uses, and what sealing adds to each event.
 *
 *   node --import tsx bench/event-bytes.ts --sessions 10000 --uses 20
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report } from './finding.js';
import { numberOptions } from './number-options.js';
import { runOn, startScratchPostgres } from './scratch-postgres.js';
import { untilPublished, untilSealed } from './sealed-history.js';
import { seedSessions } from './seeded-sessions.js';
import { startService } from './service-process.js';
import { openBatches, useSessions } from './used-sessions.js';

const eventSizesSql = `
SELECT sum(pg_total_relation_size(inhrelid))::float8 AS total, sum(pg_relation_size(inhrelid))::float8 AS heap
  FROM pg_inherits WHERE inhparent = 'session_ledger.event'::regclass`;

const tableSizesSql = `
SELECT pg_total_relation_size('session_ledger.session')::float8 + pg_total_relation_size('session_ledger.client') AS sessions,
       pg_total_relation_size('session_ledger.tile')::float8 AS tiles`;

const options = numberOptions({ sessions: 10_000, uses: 20 });
const lengths = [1, 1.5, 2.25].map((times) => Math.round(options.uses * times));

/** What each use takes, on the average of a ledger. */
interface UsedBytes {
  url: string;
  total: number;
  heap: number;
  /** What each session takes beside its uses. */
  ofSession: number;
}

const postgres = await startScratchPostgres();
try {
  const used: UsedBytes[] = [];
  for (const uses of lengths) used.push(await bytesOfUses(await postgres.createLedger(`event_bytes_${uses}`), uses));
  report([
    {
      what: 'bytes per used event with all indexes',
      value: mean(used.map(({ total }) => total)),
      unit: 'bytes',
      goal: { atMost: 180 },
      note: `${inWords(used.map(({ total }) => total.toFixed(0)))} after ${inWords(lengths)} uses of each session; ${mean(used.map(({ heap }) => heap)).toFixed(0)} of them in the table, the rest in indexes`,
    },
    {
      what: 'bytes per session beside its uses, with all indexes',
      value: mean(used.map(({ ofSession }) => ofSession)),
      unit: 'bytes',
      note: 'its row, its opening, one client',
    },
  ]);
  await measureSeals(used.at(-1)!.url);
} finally {
  await postgres.stop();
}

async function bytesOfUses(url: string, usesOfEach: number): Promise<UsedBytes> {
  const uses = options.sessions * usesOfEach;
  const empty = await eventSizes(url);
  const sessions = await seedSessions(url, options.sessions);
  const before = await eventSizes(url);
  const batches = await openBatches(url, { writers: 3, maxBatch: 200, sessions: options.sessions });
  await useSessions(batches, sessions, { inFlight: 600, uses, atRandom: true });
  await batches.close();
  const after = await eventSizes(url);
  const tables = await tableSizes(url);
  return {
    url,
    total: (after.total - before.total) / uses,
    heap: (after.heap - before.heap) / uses,
    ofSession: (before.total - empty.total + tables.sessions) / options.sessions,
  };
}

async function measureSeals(url: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'session-ledger-bench-'));
  try {
    const service = await startService(url, { SESSION_LEDGER_SEAL_DIR: directory });
    const sealed = await untilSealed(url);
    await untilPublished(directory, sealed);
    await service.stop();
    const { tiles } = await tableSizes(url);
    report([
      { what: 'bytes per sealed event in the database', value: tiles / sealed, unit: 'bytes' },
      { what: 'bytes per sealed event published', value: (await bytesBelow(directory)) / sealed, unit: 'bytes' },
    ]);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function eventSizes(url: string): Promise<{ total: number; heap: number }> {
  const [measured] = await runOn<{ total: number; heap: number }>(url, eventSizesSql);
  return measured!;
}

async function tableSizes(url: string): Promise<{ sessions: number; tiles: number }> {
  const [measured] = await runOn<{ sessions: number; tiles: number }>(url, tableSizesSql);
  return measured!;
}

async function bytesBelow(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((total, size) => total + size, 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function inWords(values: readonly (number | string)[]): string {
  return `${values.slice(0, -1).join(', ')} and ${values.at(-1)}`;
}
