/*
 * How many due sessions per second the expiry job ends: the job's own statement, batch after batch as the job runs it.
 *
 *   node --import tsx bench/expired-sessions.ts --sessions 100000 --rounds 3
 */
import { ledgerDataSource } from '../dist/src/ledger/ledger-data-source.js';
import { expireDue } from '../dist/src/session/expire.js';
import { median, report } from './finding.js';
import { numberOptions } from './number-options.js';
import { startScratchPostgres } from './scratch-postgres.js';
import { benchRecorder, seedSessions } from './seeded-sessions.js';

const options = numberOptions({ sessions: 100_000, rounds: 3 });
const twoHours = 7200;

const postgres = await startScratchPostgres();
try {
  const rates: number[] = [];
  for (let round = 0; round < options.rounds; round++) rates.push(await expireAll());
  report([
    { what: 'sessions expired by one job', value: median(rates), unit: 'sessions/s', goal: { atLeast: 20_000 } },
  ]);
} finally {
  await postgres.stop();
}

async function expireAll(): Promise<number> {
  const url = await postgres.createLedger('expired_sessions');
  const { claims } = await seedSessions(url, options.sessions, twoHours);
  const writer = ledgerDataSource({ url, role: 'writer', poolSize: 1, applicationName: 'bench' });
  await writer.initialize();
  const begun = performance.now();
  let expired = 0;
  for (
    let batch = await expireDue(writer, benchRecorder);
    batch.examined > 0;
    batch = await expireDue(writer, benchRecorder)
  ) {
    expired += batch.expired;
  }
  const seconds = (performance.now() - begun) / 1000;
  await writer.destroy();
  if (expired !== claims.length) throw new Error(`${expired} of ${claims.length} due sessions expired`);
  return expired / seconds;
}
