/*
 * Minutes at full load on one guarded route, with a look at the server's memory every ten seconds; at the end, every
 * request that was answered with 200 is on the ledger, or the soak has failed.
 *
 *   node --import tsx bench/soak.ts --minutes 10 --connections 64
 */
import { median, report } from './finding.js';
import { load } from './loaded-peer.js';
import { numberOptions } from './number-options.js';
import { startPeer, type RunningPeer } from './running-peer.js';
import { runOn, startScratchPostgres } from './scratch-postgres.js';

const usedEventsSql = `
SELECT count(*)::integer AS used FROM session_ledger.event WHERE kind = 'used'`;

const intervalSeconds = 10;
const options = numberOptions({ minutes: 10, connections: 64 });

interface Sample {
  megabytes: number;
  requestsPerSecond: number;
  p99Milliseconds: number;
}

const postgres = await startScratchPostgres();
try {
  const url = await postgres.createLedger('soak');
  const peer = await startPeer('session-ledger', 'express', { DATABASE_URL: url }, 1000);
  const samples: Sample[] = [];
  let answered = 0;
  for (let interval = 0; interval < (options.minutes * 60) / intervalSeconds; interval++) {
    const { sample, requests } = await soakOnce(peer);
    samples.push(sample);
    answered += requests;
    console.error(`${sample.megabytes.toFixed(0)} MB, ${sample.requestsPerSecond.toFixed(0)} requests/s`);
  }
  await peer.stop();
  await refuseUnrecorded(url, answered);
  reportSamples(samples);
} finally {
  await postgres.stop();
}

async function soakOnce(peer: RunningPeer): Promise<{ sample: Sample; requests: number }> {
  const result = await load(peer, options.connections, intervalSeconds);
  const megabytes = (await peer.residentBytes()) / 2 ** 20;
  return { sample: { megabytes, ...result }, requests: result.requests };
}

async function refuseUnrecorded(url: string, answered: number): Promise<void> {
  const [counted] = await runOn<{ used: number }>(url, usedEventsSql);
  // The generator hangs up at the end of an interval: what was then under way is recorded, and nobody saw its answer.
  if (counted!.used < answered) throw new Error(`${answered} requests were let through, ${counted!.used} are recorded`);
}

/** Memory of the second half beside the first: growth that goes on is a leak, growth that has stopped is a cache. */
function reportSamples(samples: Sample[]): void {
  const half = Math.floor(samples.length / 2);
  const [first, second] = [samples.slice(0, half), samples.slice(half)];
  const megabytes = (some: Sample[]): number => median(some.map((sample) => sample.megabytes));
  report([
    {
      what: 'requests per second throughout',
      value: median(samples.map((s) => s.requestsPerSecond)),
      unit: 'requests/s',
    },
    { what: 'p99', value: median(samples.map((s) => s.p99Milliseconds)), unit: 'ms' },
    { what: 'memory of the server', value: megabytes(second), unit: 'MB' },
    {
      what: 'memory in the second half beside the first',
      value: megabytes(second) / megabytes(first),
      unit: 'x',
      goal: { atMost: 1.1 },
    },
  ]);
}
