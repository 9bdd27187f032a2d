import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { stopProcess } from './running-peer.js';

/** A Redis that keeps nothing on disk, on a free port; undefined where `redis-server` is not installed. */
export async function startRedis(): Promise<{ url: string; stop(): Promise<void> } | undefined> {
  const port = await freePort();
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      stdio: 'ignore',
    },
  );
  const started = await succeeds(once(server, 'spawn'));
  if (!started) return undefined;
  while (!(await isListening(port))) await pause(20);
  return { url: `redis://127.0.0.1:${port}`, stop: () => stopProcess(server) };
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  const listening = await succeeds(once(socket, 'connect'));
  socket.destroy();
  return listening;
}

/** `once` rejects when the emitter says `error` first. */
function succeeds(event: Promise<unknown>): Promise<boolean> {
  return event.then(
    () => true,
    () => false,
  );
}
