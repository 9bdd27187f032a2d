/*
 * How fast recorded events become leaves of the sealed tree, with and without a directory that they are published in, how many uses per
 * second the ledger records while the sealer works beside it, and what a seal costs on the disk.
 *
 *   node --import tsx bench/sealed-leaves.ts --events 1000000 --sessions 50000 --seconds 5 --rounds 3
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogDirectory } from '../dist/src/seal/log-directory.js';
import { Sealer } from '../dist/src/seal/sealer.js';
import { SigningKey } from '../dist/src/seal/signing-key.js';
import { median, report } from './finding.js';
import { numberOptions } from './number-options.js';
import { runOn, startScratchPostgres } from './scratch-postgres.js';
import { seedSessions, type SeededSessions } from './seeded-sessions.js';
import { openBatches, useSessions, type OpenBatches } from './used-sessions.js';

const options = numberOptions({ events: 1_000_000, sessions: 50_000, seconds: 5, rounds: 3 });
const uses = { writers: 3, maxBatch: 100, inFlight: 400 };

const eventsSql = `
INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, client_id, recorded_by)
SELECT 'used', bucket, session_id, 2, at, at + interval '1 hour', n, 1
  FROM (SELECT n, clock_timestamp() AS at, s.bucket, s.session_id
          FROM generate_series(1, $1::integer) n
          JOIN (SELECT bucket, session_id, row_number() OVER () AS place FROM session_ledger.session) s ON s.place = n % $2::integer + 1) row`;

const sealSizesSql = `
SELECT sum(pg_total_relation_size(('session_ledger.' || name)::regclass))::float8 AS bytes
  FROM unnest(ARRAY['tree_head', 'seal_run', 'tile', 'published_checkpoint']) AS name`;

const postgres = await startScratchPostgres();
const folder = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'sealed-leaves-'));
const signingKeys = [SigningKey.generate('ledger.example/bench').toPem()];
try {
  const url = await postgres.createLedger('sealed_leaves');
  const sessions = await seedSessions(url, options.sessions);
  await runOn(url, eventsSql, [options.events, options.sessions]);
  const { sealed, published, cpu } = await rates(url);
  report([
    {
      what: 'events sealed',
      value: sealed,
      unit: 'leaves/s',
      goal: { atLeast: 100_000 },
      note: `read, hashed and committed; one sealer, the database on the same machine; ${cpu.toFixed(1)} microseconds of a core for each`,
    },
    {
      what: 'sealed events published in a directory',
      value: published,
      unit: 'leaves/s',
      note: 'each compared with its seal once more, each file synced',
    },
  ]);
  report([await recordedBesideSealer(url, sessions)]);
  report([await bytesPerSeal(url)]);
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true });
}

/** Seals all there is, then publishes it: the sealer does one after the other when it is told to do both once. */
async function rates(url: string): Promise<{ sealed: number; published: number; cpu: number }> {
  const [counted] = await runOn<{ events: string }>(url, 'SELECT count(*) AS events FROM session_ledger.event');
  const events = Number(counted!.events);
  let committedAt = 0;
  let cpu = 0;
  const usedBefore = process.cpuUsage();
  const sealer = sealerOf(url, (step) => {
    if (step !== 'committed') return;
    committedAt = performance.now();
    const { user, system } = process.cpuUsage(usedBefore);
    cpu = (user + system) / events;
  });
  const begun = performance.now();
  await sealer.sealOnce();
  const endedAt = performance.now();
  await sealer.stop();
  return {
    sealed: (events / (committedAt - begun)) * 1_000,
    published: (events / (endedAt - committedAt)) * 1_000,
    cpu,
  };
}

/** With and without take turns, so that whatever else the machine does befalls both. */
async function recordedBesideSealer(url: string, sessions: SeededSessions) {
  const batches = await openBatches(url, { ...uses, sessions: sessions.claims.length });
  await recorded(batches, sessions);
  const shares: number[] = [];
  const sealing: number[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const alone = await recorded(batches, sessions);
    const sealer = sealerOf(url);
    await sealer.sealOnce();
    sealer.start();
    const beside = await recorded(batches, sessions);
    await sealer.stop();
    shares.push(beside / alone);
    sealing.push(beside);
  }
  await batches.close();
  return {
    what: 'recorded uses with the sealer at work, beside without',
    value: median(shares),
    unit: 'x',
    goal: { atLeast: 0.9 },
    note: `${Math.round(median(sealing)).toLocaleString('en-US')} uses/s with it; sealer, recorder and database on the same machine`,
  };
}

async function recorded(batches: OpenBatches, sessions: SeededSessions): Promise<number> {
  const { seconds } = options;
  return (await useSessions(batches, sessions, { inFlight: uses.inFlight, seconds })).perSecond;
}

/** One event, one seal, one checkpoint: the most that a ledger grows by without events to show for it. */
async function bytesPerSeal(url: string) {
  const seals = 300;
  const sealer = sealerOf(url);
  await sealer.sealOnce();
  const [before] = await runOn<{ bytes: number }>(url, sealSizesSql);
  for (let seal = 0; seal < seals; seal += 1) {
    await runOn(url, eventsSql, [1, options.sessions]);
    await sealer.sealOnce();
  }
  await sealer.stop();
  const [after] = await runOn<{ bytes: number }>(url, sealSizesSql);
  return {
    what: 'bytes of a seal and its checkpoint, over one event each',
    value: (after!.bytes - before!.bytes) / seals,
    unit: 'bytes',
    note: 'with indexes: two seals and one checkpoint a second are the most there are by default',
  };
}

function sealerOf(url: string, onStep: (step: string) => void = () => undefined): Sealer {
  const places = [new LogDirectory(folder)];
  const onFailure = (failure: Error): void => {
    throw failure;
  };
  return new Sealer({ url, role: 'sealer', signingKeys, origin: 'ledger.example/bench', places, onFailure, onStep });
}
