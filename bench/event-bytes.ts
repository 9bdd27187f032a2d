/*
 * Bytes on disk per `used` event, with all indexes, when the uses of many sessions arrive interleaved, as they do: the
 * pages of the index on sessions are then split in the middle and not filled to the end. Then what a session takes beside
 * its uses, and what sealing adds to each event.
 *
 *   node --import tsx bench/event-bytes.ts --sessions 20000 --uses 30
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

const options = numberOptions({ sessions: 20_000, uses: 30 });
const uses = options.sessions * options.uses;

const postgres = await startScratchPostgres();
try {
  const url = await postgres.createLedger('event_bytes');
  const empty = await eventSizes(url);
  const sessions = await seedSessions(url, options.sessions);
  const opened = await eventSizes(url);
  const batches = await openBatches(url, { writers: 3, maxBatch: 200, sessions: options.sessions });
  await useSessions(batches, sessions, { inFlight: 600, uses });
  await batches.close();
  const used = await eventSizes(url);
  const tables = await tableSizes(url);
  report([
    {
      what: 'bytes per used event with all indexes',
      value: (used.total - opened.total) / uses,
      unit: 'bytes',
      goal: { atMost: 180 },
      note: `${((used.heap - opened.heap) / uses).toFixed(0)} of them in the table, the rest in indexes`,
    },
    {
      what: 'bytes per session beside its uses, with all indexes',
      value: (opened.total - empty.total + tables.sessions) / options.sessions,
      unit: 'bytes',
      note: 'its row, its opening, one client',
    },
  ]);
  await measureSeals(url, tables.tiles);
} finally {
  await postgres.stop();
}

async function measureSeals(url: string, tilesBefore: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'session-ledger-bench-'));
  try {
    const service = await startService(url, { SESSION_LEDGER_SEAL_DIR: directory });
    const sealed = await untilSealed(url);
    await untilPublished(directory, sealed);
    await service.stop();
    const { tiles } = await tableSizes(url);
    report([
      { what: 'bytes per sealed event in the database', value: (tiles - tilesBefore) / sealed, unit: 'bytes' },
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
