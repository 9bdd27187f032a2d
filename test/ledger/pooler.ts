import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { serverUserForNewCluster } from '../../src/postgres/server-user.js';
import { freePort } from '../setup/cluster.js';

// Where Debian and Ubuntu install it (apt-get install pgbouncer).
const program = '/usr/sbin/pgbouncer';
export const hasPooler = existsSync(program);

/** A PgBouncer in front of a server, as its packages configure it but for the mode. */
export interface Pooler {
  /** The same login and database, through the pooler. */
  readonly url: string;
  stop(): Promise<void>;
}

export async function startPooler(databaseUrl: string, mode: 'session' | 'transaction', more = ''): Promise<Pooler> {
  const target = new URL(databaseUrl);
  const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-pooler-'));
  const port = await freePort();
  const [settings, users] = [path.join(folder, 'pgbouncer.ini'), path.join(folder, 'userlist.txt')];
  writeFileSync(users, `"${decodeURIComponent(target.username)}" "${decodeURIComponent(target.password)}"\n`);
  writeFileSync(settings, configuration(target, port, mode, users, more));
  const user = await serverUserForNewCluster(); // PgBouncer refuses to run as root
  chmodSync(folder, 0o755);
  if (user !== undefined) for (const file of [folder, settings, users]) chownSync(file, user.uid, user.gid);
  const said: string[] = [];
  const pooler = spawn(program, [settings], { ...user, cwd: folder, env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [pooler.stdout, pooler.stderr]) stream.on('data', (chunk) => said.push(String(chunk)));
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  await untilItAnswers(pooler, url.toString(), said);
  return {
    url: url.toString(),
    stop: async () => {
      pooler.kill('SIGINT');
      while (pooler.exitCode === null && pooler.signalCode === null) await pause(20);
      rmSync(folder, { recursive: true });
    },
  };
}

function configuration({ hostname, port: to }: URL, port: number, mode: string, users: string, more: string): string {
  return `[databases]
* = host=${hostname} port=${to}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = 60
max_client_conn = 200
${more}
`;
}

async function untilItAnswers(pooler: ChildProcess, url: string, said: string[]): Promise<void> {
  for (;;) {
    if (pooler.exitCode !== null) throw new Error(`PgBouncer ended:\n${said.join('')}`);
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined); // it may end a connection while it starts
    try {
      await client.connect();
      await client.query('SELECT 1');
      return;
    } catch {
      await pause(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
