/*
 * How many uses per second the ledger records, through the product's own batches, beside a bare insert of the same rows
 * and beside COPY. No HTTP: what is measured is the statement, the driver and PostgreSQL, all on this machine.
 *
 *   node --import tsx bench/recorded-uses.ts --sessions 200000 --seconds 3 --rounds 3 --writers 3
 */
import { copyEvents } from './copied-events.js';
import { median, report, type Finding } from './finding.js';
import { insertEvents } from './inserted-events.js';
import { numberOptions } from './number-options.js';
import { runOn, startScratchPostgres } from './scratch-postgres.js';
import { seedSessions, type SeededSessions } from './seeded-sessions.js';
import { openBatches, useSessions } from './used-sessions.js';

/* 0.8 of what a prototype of this schema recorded per second on two cores, by batch size. */
const goals = new Map([
  [10, 20_000],
  [50, 52_800],
  [100, 58_400],
  [200, 66_400],
]);
const options = numberOptions({ sessions: 200_000, seconds: 3, rounds: 3, writers: 3 });

const countedSql = `
SELECT (SELECT count(*) FROM session_ledger.event WHERE kind = 'used' AND recorded_by = $1)
     = (SELECT sum(event_count - 1) FROM session_ledger.session) AS complete`;

const postgres = await startScratchPostgres();
try {
  const url = await postgres.createLedger('recorded_uses');
  const sessions = await seedSessions(url, options.sessions);
  const recorded: Finding[] = [];
  for (const [batch, atLeast] of goals) {
    const [uses, ...beside] = await measureBatchSize(url, sessions, batch, atLeast);
    report([uses, ...beside]);
    recorded.push(uses);
  }
  await refuseLostUses(url, sessions);
  const best = recorded.reduce((most, uses) => (uses.value > most.value ? uses : most));
  report([{ ...best, what: `the best of them: ${best.what}`, goal: { atLeast: 60_000 } }]);
} finally {
  await postgres.stop();
}

/** The contenders take turns, so that whatever else the machine does befalls all of them. */
async function measureBatchSize(
  url: string,
  sessions: SeededSessions,
  batch: number,
  atLeast: number,
): Promise<[uses: Finding, ...beside: Finding[]]> {
  const { writers, rounds, seconds } = options;
  const load = { writers, batch, seconds };
  const ours: number[] = [];
  const inserted: number[] = [];
  const copied: number[] = [];
  const latencies: number[] = [];
  const batches = await openBatches(url, { writers, maxBatch: batch, sessions: sessions.claims.length });
  // From its second use on, a session's facts and its client are known: the state a service is in all day.
  const first = await useSessions(batches, sessions, { inFlight: (writers + 1) * batch, uses: sessions.claims.length });
  for (let round = 0; round < rounds; round++) {
    // As many in flight as one more batch than there are writers: the next batch is full when a writer is free.
    const run = await useSessions(batches, sessions, { inFlight: (writers + 1) * batch, seconds });
    ours.push(run.perSecond);
    latencies.push(run.medianMilliseconds);
    inserted.push(await insertEvents(url, sessions, load));
    copied.push(await copyEvents(url, sessions, load));
  }
  await batches.close();
  const name = `${batch} per batch`;
  return [
    {
      what: `recorded uses, ${name}`,
      value: median(ours),
      unit: 'uses/s',
      goal: { atLeast },
      note: `median latency ${median(latencies).toFixed(1)} ms, ${writers} writers`,
    },
    { what: `first uses by this process, ${name}`, value: first.perSecond, unit: 'uses/s' },
    { what: `bare unnest insert of the same rows, ${name}`, value: median(inserted), unit: 'rows/s' },
    { what: `COPY of the same rows, ${name}`, value: median(copied), unit: 'rows/s' },
    {
      what: `recorded uses beside the bare insert, ${name}`,
      value: median(ours.map((uses, round) => uses / inserted[round]!)),
      unit: 'x',
      goal: { atLeast: 0.4 },
    },
  ];
}

/** A fast answer that recorded less would win; so what the rows count is held against what the ledger holds. */
async function refuseLostUses(url: string, sessions: SeededSessions): Promise<void> {
  const [counted] = await runOn<{ complete: boolean }>(url, countedSql, [sessions.recordedBy]);
  if (counted?.complete !== true) throw new Error('the session rows count other uses than the ledger holds');
}
