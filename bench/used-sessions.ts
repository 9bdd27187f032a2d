import { randomInt } from 'node:crypto';
import { ledgerDataSource } from '../dist/src/ledger/ledger-data-source.js';
import { UseBatches } from '../dist/src/session/use-batches.js';
import { quantile } from './finding.js';
import { benchRecorder, type SeededSessions } from './seeded-sessions.js';

/** The product's batches on a writer pool of their own. */
export interface OpenBatches {
  batches: UseBatches;
  close(): Promise<void>;
}

export async function openBatches(
  url: string,
  options: { writers: number; maxBatch: number; sessions: number },
): Promise<OpenBatches> {
  const writer = ledgerDataSource({
    url,
    role: 'writer',
    poolSize: options.writers + 1,
    applicationName: 'bench',
  });
  await writer.initialize();
  const batches = new UseBatches(writer, {
    writers: options.writers,
    maxBatch: options.maxBatch,
    rememberedTokens: options.sessions,
  });
  const close = async (): Promise<void> => {
    await batches.close();
    await writer.destroy();
  };
  return { batches, close };
}

const client = {
  ip: '203.0.113.7',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
};

/** Uses by so many clients at once, for so long or so many: of each session in turn, or `atRandom`. */
export async function useSessions(
  { batches }: OpenBatches,
  { claims }: SeededSessions,
  load: { inFlight: number; atRandom?: boolean } & ({ seconds: number } | { uses: number }),
): Promise<{ perSecond: number; medianMilliseconds: number }> {
  const latencies: number[] = [];
  const begun = performance.now();
  const endsAt = 'seconds' in load ? begun + load.seconds * 1000 : Number.POSITIVE_INFINITY;
  const most = 'uses' in load ? load.uses : Number.POSITIVE_INFINITY;
  const nth = (use: number): number => (load.atRandom === true ? randomInt(claims.length) : use % claims.length);
  let asked = 0;
  let accepted = 0;
  const oneClient = async (): Promise<void> => {
    while (asked < most && performance.now() < endsAt) {
      const claim = claims[nth(asked++)]!;
      const askedAt = performance.now();
      const { active } = await batches.record({ claim, passive: false, client, recordedBy: benchRecorder });
      latencies.push(performance.now() - askedAt);
      if (!active) throw new Error('a live session was refused');
      accepted++;
    }
  };
  await Promise.all(Array.from({ length: load.inFlight }, oneClient));
  const seconds = (performance.now() - begun) / 1000;
  return { perSecond: accepted / seconds, medianMilliseconds: quantile(latencies, 0.5) };
}
