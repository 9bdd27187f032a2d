import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PeerName } from './peers/peer-name.js';

/** A contender that serves, and what its logged-in users send along with every request. */
export interface RunningPeer {
  name: PeerName;
  url: string;
  users: Record<string, string>[];
  /** Bytes of its memory that are in RAM. */
  residentBytes(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a contender in a process of its own and logs so many users in. */
export async function startPeer(
  name: PeerName,
  adapter: 'express' | 'fastify',
  environment: Record<string, string>,
  userCount: number,
): Promise<RunningPeer> {
  const script = join(import.meta.dirname, 'peers', 'serve.ts');
  // For a profile of a contender: BENCH_PEER_FLAGS=--cpu-prof
  const flags = process.env['BENCH_PEER_FLAGS']?.split(' ') ?? [];
  const server = spawn(process.execPath, [...flags, '--import', 'tsx', script, name, adapter], {
    // Decorators are compiled as tsconfig.json says only if it is this folder's.
    env: {
      ...process.env,
      ...environment,
      NODE_ENV: 'production',
      TSX_TSCONFIG_PATH: join(import.meta.dirname, 'tsconfig.json'),
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const { port } = await firstMessage<{ port: number }>(server, name);
  const origin = `http://127.0.0.1:${port}`;
  const users: Record<string, string>[] = [];
  for (let user = 0; user < userCount; user++) users.push(await logIn(origin, `user-${user}`));
  return {
    name,
    url: `${origin}/guarded`,
    users,
    residentBytes: () => residentBytes(server),
    stop: () => stopProcess(server),
  };
}

export async function firstMessage<Message>(child: ChildProcess, what: string): Promise<Message> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${what} ended with ${String(code)}`)));
  return Promise.race([once(child, 'message').then(([message]) => message as Message), ended]);
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Bytes of a process's memory that are in RAM. */
export async function residentBytes({ pid }: ChildProcess): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) * 1024;
}

async function logIn(origin: string, userId: string): Promise<Record<string, string>> {
  const answer = await fetch(`${origin}/login/${userId}`, { method: 'POST' });
  if (answer.status !== 200) throw new Error(`login answered ${answer.status}: ${await answer.text()}`);
  const [cookie] = answer.headers.getSetCookie();
  if (cookie !== undefined) return { cookie: cookie.split(';')[0]! };
  const { token } = (await answer.json()) as { token?: string };
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
