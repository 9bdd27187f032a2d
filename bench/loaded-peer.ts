import type { LoadResult } from './load.js';
import type { RunningPeer } from './running-peer.js';
import { sendLoad } from './sent-load.js';

/** Sends requests to a contender's guarded route, each connection for users of its own. */
export function load({ url, users }: RunningPeer, connections: number, seconds: number): Promise<LoadResult> {
  const requests = users.map((headers) => ({ method: 'GET' as const, headers }));
  return sendLoad({ url, connections, seconds, requests });
}
