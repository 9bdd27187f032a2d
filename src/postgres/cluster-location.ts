import { createHash } from 'node:crypto';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { machineTime } from '../clock.js';
import { SessionLedgerError } from '../errors.js';
import { fileFailure } from './file-failure.js';
import { isPresent } from './file-presence.js';
import { letServerUserEnter } from './path-access.js';
import { readIfPresent, writePrivateFile } from './private-file.js';
import { findPostmaster, stopPostmaster } from './postmaster.js';
import { serverUserForNewCluster, serverUserOfCluster, type ServerUser } from './server-user.js';

/** Where a data directory's cluster lies, and who runs it. `home` holds it and, where need be, a copy of the binaries. */
export interface ClusterLocation {
  home: string;
  /** The cluster itself, `<home>/postgres`: there is none yet before the first start. */
  cluster: string;
  /** Undefined when the cluster is run by this process's own user. */
  user: ServerUser | undefined;
}

// Outside of every home directory and kept over a restart (FHS 3.0, 5.8: state of one program).
const sharedHomes = '/var/lib/session-ledger';

/**
 * Finds the data directory's cluster, or the place for a new one: the data directory itself, or, where the server's
 * user may not enter that (a checkout under root's home), `/var/lib/session-ledger/<hash of the data directory's path>`
 * with a pointer to it in the data directory.
 *
 * @throws SessionLedgerError `ERR_DATA_DIRECTORY` when what the pointer names is gone, or the way to it is closed.
 */
export async function locateCluster(dataDir: string, log: (line: string) => void): Promise<ClusterLocation> {
  const pointed = await pointedHome(dataDir);
  const home = pointed ?? dataDir;
  if (await holdsCluster(home)) return openLocation(home, await serverUserOfCluster(join(home, 'postgres')));
  const user = await serverUserForNewCluster();
  if (pointed !== undefined || (await letServerUserEnter(dataDir, user)) === undefined) return openLocation(home, user);
  return openLocation(await makeSharedHome(dataDir, log), user);
}

/** The cluster of a data directory that was started before: read only, nothing is made or opened. */
export async function existingCluster(dataDir: string): Promise<string> {
  return join((await pointedHome(dataDir)) ?? dataDir, 'postgres');
}

/** Whether `<home>/postgres` is a cluster; it appears there whole, so that half of one is never met. */
export async function holdsCluster(home: string): Promise<boolean> {
  return isPresent(join(home, 'postgres', 'PG_VERSION'));
}

async function openLocation(home: string, user: ServerUser | undefined): Promise<ClusterLocation> {
  const closed = await letServerUserEnter(home, user);
  if (closed === undefined) return { home, cluster: join(home, 'postgres'), user };
  throw new SessionLedgerError(
    'ERR_DATA_DIRECTORY',
    `PostgreSQL, running as user id ${user?.uid}, cannot reach its cluster in ${home}: ${closed} is closed to it; ` +
      'allow it to pass (chmod o+x), or point SESSION_LEDGER_DATA_DIR elsewhere',
  );
}

async function pointedHome(dataDir: string): Promise<string | undefined> {
  const home = (await readIfPresent(pointerFile(dataDir)))?.trim();
  if (home === undefined || (await isPresent(home))) return home;
  throw new SessionLedgerError(
    'ERR_DATA_DIRECTORY',
    `${pointerFile(dataDir)} says that the cluster lies in ${home}, which is not there; bring it back, or remove ` +
      'the pointer to begin with an empty ledger',
  );
}

async function makeSharedHome(dataDir: string, log: (line: string) => void): Promise<string> {
  const home = join(sharedHomes, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
  if (await holdsCluster(home)) await setAside(home, log);
  try {
    await mkdir(sharedHomes, { recursive: true, mode: 0o755 });
    await mkdir(home, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw fileFailure('make', home, cause);
  }
  await writePrivateFile(pointerFile(dataDir), `${home}\n`);
  log(`The PostgreSQL user may not enter ${dataDir}; the cluster lies in ${home}`);
  return home;
}

/** A data directory that was removed and made anew starts empty; what the old one pointed at is kept, out of the way. */
async function setAside(home: string, log: (line: string) => void): Promise<void> {
  const orphan = await findPostmaster(join(home, 'postgres'));
  if (orphan !== undefined) await stopPostmaster(orphan);
  const aside = `${home}.before-${machineTime().replaceAll(/[^0-9TZ]/g, '')}`;
  await rename(home, aside);
  log(`A cluster of an earlier data directory of this name was in ${home}; it lies in ${aside} now`);
}

function pointerFile(dataDir: string): string {
  return join(dataDir, 'postgres-location');
}
