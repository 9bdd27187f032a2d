import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { runnableBinaries, type ServerBinaries } from '../../src/postgres/server-binaries.js';
import { serverEnvironment } from '../../src/postgres/server-environment.js';
import { serverUserForNewCluster, type ServerUser } from '../../src/postgres/server-user.js';
import { clusterPrefix, markOwner } from '../setup/abandoned-clusters.js';
import { freePort, initialise } from '../setup/cluster.js';

/** Where the data lies, and another PostgreSQL than the embedded one. */
export interface OwnServerOptions {
  installed?: ServerBinaries;
  /** The data lies on a disk of its own of so many megabytes. Needs the right to mount. */
  diskMegabytes?: number;
  settings?: Record<string, string>;
}

// Durability stays on: what these servers lose when they are killed is the question.
const alwaysSet = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '80',
  shared_buffers: '32MB',
};

/** A PostgreSQL that belongs to one test, which may crash it, copy it, promote it, and fill its disk. */
export class OwnServer {
  private process: ChildProcess | undefined;
  private readonly log: string[] = [];

  private constructor(
    private readonly root: string,
    readonly data: string,
    readonly port: number,
    private readonly password: string,
    private readonly binaries: ServerBinaries,
    private readonly user: ServerUser | undefined,
    private readonly disk: string | undefined,
    private readonly settings: Record<string, string>,
  ) {}

  /** Makes a cluster and starts it. */
  static async start(options: OwnServerOptions = {}): Promise<OwnServer> {
    const user = await serverUserForNewCluster();
    const root = mkdtempSync(path.join(tmpdir(), clusterPrefix));
    chmodSync(root, 0o755); // mkdtemp makes 0700, which the server's user could not enter
    markOwner(root);
    const binaries = options.installed ?? (await runnableBinaries(root, user));
    const password = randomBytes(16).toString('hex');
    const initial = initialise(root, binaries, user, password);
    const disk = options.diskMegabytes === undefined ? undefined : mountDisk(root, options.diskMegabytes);
    const data = disk === undefined ? initial : path.join(disk, 'data');
    if (disk !== undefined) execFileSync('mv', [initial, data]);
    const port = await freePort();
    const server = new OwnServer(root, data, port, password, binaries, user, disk, options.settings ?? {});
    await server.resume();
    return server;
  }

  get url(): string {
    return `postgres://postgres:${this.password}@127.0.0.1:${this.port}/postgres`;
  }

  /** How a standby of this server reaches it. */
  get conninfo(): string {
    return `host=127.0.0.1 port=${this.port} user=postgres password=${this.password}`;
  }

  /** All that the server has written to its log. */
  get said(): string {
    return this.log.join('');
  }

  get pid(): number {
    return this.process!.pid!;
  }

  /** Starts the server again, as whoever watches over it would: until it takes logins. */
  async resume(): Promise<void> {
    for (let tries = 0; tries < 300; tries += 1) {
      if (this.process?.exitCode !== null) this.spawn();
      if (await this.answers()) return;
      await sleep(100);
    }
    throw new Error(`the server does not answer:\n${this.log.join('')}`);
  }

  /** Ends the postmaster and every process of it with SIGKILL, as a power cut would. */
  async crash(): Promise<void> {
    const backends = childrenOf(this.pid);
    this.process!.kill('SIGKILL');
    for (const pid of backends) endIfThere(pid);
    await this.hasExited();
  }

  async stop(): Promise<void> {
    this.process!.kill('SIGINT');
    await this.hasExited();
  }

  /** Runs one statement as the superuser, on a connection of its own. */
  async query<Row extends pg.QueryResultRow>(statement: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url });
    client.on('error', () => undefined); // the query under way rejects
    await client.connect();
    try {
      return (await client.query<Row>(statement, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Another server on a copy of this one's data, not started; this one must be stopped. */
  async copy(settings: Record<string, string> = {}): Promise<OwnServer> {
    const root = mkdtempSync(path.join(tmpdir(), clusterPrefix));
    chmodSync(root, 0o755);
    markOwner(root);
    const data = path.join(root, 'data');
    execFileSync('cp', ['-a', this.data, data]);
    const port = await freePort();
    return new OwnServer(root, data, port, this.password, this.binaries, this.user, undefined, settings);
  }

  /** Puts the data of a copy in the place of this one's, which must be stopped. */
  putBack(copy: OwnServer): void {
    rmSync(this.data, { recursive: true });
    execFileSync('cp', ['-a', copy.data, this.data]);
  }

  async remove(): Promise<void> {
    if (this.process?.exitCode === null && this.process.signalCode === null) await this.stop();
    if (this.disk !== undefined) execFileSync('umount', ['--lazy', this.disk]);
    rmSync(this.root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }

  /** Gives a file of the data directory, or on its disk, to the server's user. */
  belongsToServer(file: string): void {
    if (this.user !== undefined) chownSync(file, this.user.uid, this.user.gid);
  }

  private spawn(): void {
    const settings = { ...alwaysSet, ...this.settings };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    this.process = spawn(this.binaries.postgres, ['-D', this.data, '-p', String(this.port), ...flags], {
      ...this.user,
      cwd: this.root,
      env: serverEnvironment,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.process.stderr!.on('data', (chunk) => this.log.push(String(chunk)));
  }

  private async answers(): Promise<boolean> {
    try {
      await this.query('SELECT 1');
      return true;
    } catch {
      return false; // starting up, recovering, or not able to; the caller gives up with the server's log
    }
  }

  private async hasExited(): Promise<void> {
    while (this.process!.exitCode === null && this.process!.signalCode === null) await sleep(10);
    this.process = undefined;
  }
}

/** Whether this process may mount a disk of its own. */
export function mayMount(): boolean {
  const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false; // not root, or a container without the right
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function mountDisk(root: string, megabytes: number): string {
  const disk = path.join(root, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', disk]);
  return disk;
}

function childrenOf(pid: number): number[] {
  const listed = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return listed.split('\n').map(Number).filter(Boolean);
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended with its postmaster.
  }
}
