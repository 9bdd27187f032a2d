/*
 * The load generator, in a process of its own: reads one order from its parent, sends requests for so many seconds
 * over so many connections, and answers with what came back.
 */
import autocannon from 'autocannon';
import { once } from 'node:events';
import { quantile } from './finding.js';

export interface LoadOrder {
  url: string;
  connections: number;
  seconds: number;
  /** Dealt out to the connections in turn; each connection sends its own over and over. */
  requests: LoadRequest[];
}

export interface LoadRequest {
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
}

export interface LoadResult {
  /** Answers of 2xx. */
  requests: number;
  requestsPerSecond: number;
  p50Milliseconds: number;
  p99Milliseconds: number;
  /** Answers other than 2xx, errors and timeouts: none, or the measurement is worth nothing. */
  failures: number;
}

const [order] = (await once(process, 'message')) as [LoadOrder];
let connection = 0;
// autocannon's own quantiles are whole milliseconds: too coarse to be divided by each other.
const latencies: number[] = [];
const result = await autocannon({
  url: order.url,
  connections: order.connections,
  duration: order.seconds,
  setupClient: (client) => {
    const first = connection++;
    client.on('response', (_status, _bytes, milliseconds) => latencies.push(milliseconds));
    client.setRequests(order.requests.filter((_, n) => n % order.connections === first % order.connections));
  },
});
const answer: LoadResult = {
  requests: result['2xx'],
  requestsPerSecond: result['2xx'] / result.duration,
  p50Milliseconds: quantile(latencies, 0.5),
  p99Milliseconds: quantile(latencies, 0.99),
  failures: result.non2xx + result.errors + result.timeouts,
};
process.send?.(answer, () => process.exit(0));
