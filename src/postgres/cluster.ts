import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SessionLedgerError } from '../errors.js';
import type { ClusterLocation } from './cluster-location.js';
import { fileFailure } from './file-failure.js';
import { readIfPresent, syncDirectory, writePrivateFile } from './private-file.js';
import type { ServerBinaries } from './server-binaries.js';
import { serverEnvironment } from './server-environment.js';

const run = promisify(execFile);

// The built-in provider sorts by code point on every machine and knows upper and lower case of all of Unicode; the C
// library's locales sort differently from one version to the next, which silently breaks indexes.
const initdbFlags = [
  '--username=postgres',
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--data-checksums',
];

/**
 * Makes the cluster of a data directory with a random superuser password. It is made beside its place and renamed, so
 * a start that was cut short, or a full disk, leaves nothing that the next start could take for a cluster.
 *
 * @throws SessionLedgerError `ERR_EMBEDDED_POSTGRES` with what initdb said.
 */
export async function makeCluster(dataDir: string, location: ClusterLocation, binaries: ServerBinaries): Promise<void> {
  const draft = `${location.cluster}.new`;
  const passwordFile = join(location.home, 'initdb-password');
  try {
    const password = await makeSuperuserPassword(dataDir);
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { mode: 0o700 });
    await rm(passwordFile, { force: true });
    await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' });
    if (location.user !== undefined) {
      for (const path of [draft, passwordFile]) await chown(path, location.user.uid, location.user.gid);
    }
    await runInitdb(binaries, [`--pgdata=${draft}`, `--pwfile=${passwordFile}`], location);
    await rename(draft, location.cluster);
    await syncDirectory(location.home);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw cause instanceof SessionLedgerError ? cause : fileFailure('make a cluster in', location.cluster, cause);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/**
 * The superuser's password of the data directory's cluster (`postgres-password`, mode 0600).
 *
 * @throws SessionLedgerError `ERR_DATA_DIRECTORY` when the file is gone.
 */
export async function readSuperuserPassword(dataDir: string): Promise<string> {
  const password = await readIfPresent(passwordFileOf(dataDir));
  if (password !== undefined) return password.trim();
  throw new SessionLedgerError(
    'ERR_DATA_DIRECTORY',
    `${passwordFileOf(dataDir)} is missing, and without it nobody can log in to the cluster; bring it back from a ` +
      'backup, or point SESSION_LEDGER_DATA_DIR elsewhere to begin with an empty ledger',
  );
}

/** Written before initdb runs, so that there never is a cluster whose password nobody knows. */
async function makeSuperuserPassword(dataDir: string): Promise<string> {
  const password = randomBytes(24).toString('base64url');
  await writePrivateFile(passwordFileOf(dataDir), `${password}\n`);
  return password;
}

async function runInitdb(binaries: ServerBinaries, paths: string[], location: ClusterLocation): Promise<void> {
  try {
    await run(binaries.initdb, [...paths, ...initdbFlags], { ...location.user, cwd: '/', env: serverEnvironment });
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    throw new SessionLedgerError(
      'ERR_EMBEDDED_POSTGRES',
      `PostgreSQL could not make its cluster in ${location.cluster}: ${stderr?.trim() || message}`,
      { cause },
    );
  }
}

function passwordFileOf(dataDir: string): string {
  return join(dataDir, 'postgres-password');
}
