/*
 * One guarded route over HTTP, behind every contender in turn: requests per second at 16 and 64 connections, Express
 * and Fastify. The contenders run side by side and take turns within each round, so that whatever else the machine
 * does befalls all of them; ratios are formed within a round.
 *
 *   node --import tsx bench/guarded-route.ts --seconds 5 --rounds 5
 */
import { median, report, type Finding, type NotMeasured } from './finding.js';
import type { LoadResult } from './load.js';
import { numberOptions } from './number-options.js';
import { peerNames, type PeerName } from './peers/peer-name.js';
import { startRedis } from './redis-server.js';
import { load } from './loaded-peer.js';
import { startPeer, type RunningPeer } from './running-peer.js';
import { startScratchPostgres } from './scratch-postgres.js';

const users = 256;
const connectionCounts = [16, 64];
const options = numberOptions({ seconds: 5, rounds: 5 });

const postgres = await startScratchPostgres();
const redis = await startRedis();
try {
  const url = await postgres.createLedger('guarded_route');
  const environment = { DATABASE_URL: url, ...(redis && { REDIS_URL: redis.url }) };
  const present = peerNames.filter((name) => redis !== undefined || !name.includes('redis'));
  for (const adapter of ['express', 'fastify'] as const) {
    const peers: RunningPeer[] = [];
    for (const name of present) peers.push(await startPeer(name, adapter, environment, users));
    for (const connections of connectionCounts) report(await measure(adapter, peers, connections));
    for (const peer of peers) await peer.stop();
  }
} finally {
  await redis?.stop();
  await postgres.stop();
}

async function measure(adapter: string, peers: RunningPeer[], connections: number): Promise<(Finding | NotMeasured)[]> {
  const results = new Map<PeerName, LoadResult[]>(peers.map(({ name }) => [name, []]));
  // One round that does not count: compilers and caches are warm afterwards.
  for (const peer of peers) await load(peer, connections, 2);
  for (let round = 0; round < options.rounds; round++) {
    for (const peer of peers) results.get(peer.name)!.push(await load(peer, connections, options.seconds));
  }
  const name = (peer: string): string => `${adapter}, ${connections} connections: ${peer}`;
  const throughputs = [...results].map(([peer, runs]) => ({
    what: name(peer),
    value: median(runs.map((run) => run.requestsPerSecond)),
    unit: 'requests/s',
    note: `p99 ${median(runs.map((run) => run.p99Milliseconds)).toFixed(0)} ms`,
  }));
  return [...throughputs, ...ratios(name, results, connections === 64)];
}

/** Ours beside each peer; goals are set for 64 connections. */
function ratios(
  name: (peer: string) => string,
  results: Map<PeerName, LoadResult[]>,
  hasGoals: boolean,
): (Finding | NotMeasured)[] {
  const perSecond = (peer: PeerName): number[] => (results.get(peer) ?? []).map((run) => run.requestsPerSecond);
  const ours = perSecond('session-ledger');
  const beside = (peer: string, theirs: number[], atLeast: number): Finding | NotMeasured => {
    const what = name(`session-ledger beside ${peer}`);
    const goal = hasGoals && { goal: { atLeast } };
    if (theirs.length === 0) return { what, notMeasured: 'redis-server is not installed', ...goal };
    return { what, value: median(ours.map((value, round) => value / theirs[round]!)), unit: 'x', ...goal };
  };
  const keyObject = perSecond('JWT, KeyObject');
  const fasterJwt = perSecond('JWT, string secret').map((value, round) => Math.max(value, keyObject[round]!));
  return [
    beside('express-session on connect-pg-simple', perSecond('express-session, connect-pg-simple'), 4),
    beside('express-session on connect-redis', perSecond('express-session, connect-redis'), 1.2),
    beside('the faster JWT', fasterJwt, 0.8),
  ];
}
