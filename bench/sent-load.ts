import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { LoadOrder, LoadResult } from './load.js';
import { firstMessage } from './running-peer.js';

/** Sends requests from a process of its own; throws when one of them failed. */
export async function sendLoad(order: LoadOrder): Promise<LoadResult> {
  const generator = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'load.ts')], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  generator.send(order);
  const result = await firstMessage<LoadResult>(generator, 'the load generator');
  if (result.failures > 0) throw new Error(`${order.url}: ${result.failures} requests failed`);
  return result;
}
