/*
 * How long the proof of one event takes on a ledger of months: its row found, its leaf made, its audit path read from the stored tiles.
 * One question at a time; any event of the ledger is as likely as any other.
 *
 *   node --import tsx bench/proof-of-event.ts --millions 50 --proofs 2000
 */
import { ledgerDataSource } from '../dist/src/ledger/ledger-data-source.js';
import { proofOfEvent } from '../dist/src/seal/proof-of-event.js';
import { Sealer } from '../dist/src/seal/sealer.js';
import { SigningKey } from '../dist/src/seal/signing-key.js';
import { quantile, report } from './finding.js';
import { generateHistory } from './generated-history.js';
import { numberOptions } from './number-options.js';
import { runOn, startScratchPostgres } from './scratch-postgres.js';

const { millions, proofs } = numberOptions({ millions: 50, proofs: 2_000 });
const origin = 'bench.example/ledger';

/* A sealer that keeps up seals within a second; the months of this history were made up in minutes, and their seals are dated likewise. */
const datedBackSql = `
ALTER TABLE session_ledger.tree_head DISABLE TRIGGER tree_head_append_only;
UPDATE session_ledger.tree_head h SET sealed_at = l.at + interval '1 second'
  FROM session_ledger.tree_head o CROSS JOIN LATERAL (SELECT e.recorded_at AS at FROM session_ledger.event e WHERE e.seq = o.last_seq LIMIT 1) l
 WHERE o.size = h.size;
ALTER TABLE session_ledger.tree_head ENABLE ALWAYS TRIGGER tree_head_append_only`;

const postgres = await startScratchPostgres();
try {
  const url = await postgres.createLedger('proof_of_event');
  await generateHistory(url, millions * 1_000_000);
  const events = await seal(url);
  await runOn(url, datedBackSql);
  await runOn(url, 'VACUUM ANALYZE');
  const latencies = await prove(url, events);
  report([
    {
      what: `proof of one event among ${millions} million`,
      value: quantile(latencies, 0.5),
      unit: 'ms',
      goal: { atMost: 2 },
      note: `99 of 100 within ${quantile(latencies, 0.99).toFixed(1)} ms`,
    },
  ]);
} finally {
  await postgres.stop();
}

/** Seals it all; as many events as are sealed. */
async function seal(url: string): Promise<number> {
  const signingKeys = [SigningKey.generate(origin).toPem()];
  const sealer = new Sealer({ url, role: 'none', places: [], signingKeys, origin, onFailure: () => undefined });
  await sealer.sealOnce();
  await sealer.stop();
  const [head] = await runOn<{ events: number }>(
    url,
    'SELECT max(last_seq)::float8 AS events FROM session_ledger.tree_head',
  );
  return head!.events;
}

async function prove(url: string, events: number): Promise<number[]> {
  const reader = await ledgerDataSource({ url, role: 'reader', poolSize: 4, applicationName: 'bench' }).initialize();
  const latencies: number[] = [];
  for (let proof = 0; proof < proofs; proof += 1) {
    const begun = performance.now();
    await proofOfEvent(reader, 1 + Math.floor(Math.random() * events));
    latencies.push(performance.now() - begun);
  }
  await reader.destroy();
  // The first ones prepare the statements, on each connection.
  return latencies.slice(Math.ceil(proofs / 10));
}
