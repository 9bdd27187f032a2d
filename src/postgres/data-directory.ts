import { access, constants, mkdir, realpath, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileFailure } from './file-failure.js';
import { readIfPresent, writePrivateFile } from './private-file.js';

/**
 * Makes the data directory where there is none (mode 0700) and answers its real path, which every other function of
 * this room is to be given: locks and hashes must not differ between two spellings of one directory.
 *
 * @throws SessionLedgerError `ERR_DATA_DIRECTORY` when it can be neither made nor written.
 * @example
 * const dataDir = await openDataDirectory('.session-ledger'); // '/srv/app/.session-ledger'
 */
export async function openDataDirectory(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    // The parents get the usual mode: 0700 there would shut out the user that PostgreSQL runs as.
    await mkdir(dirname(absolute), { recursive: true });
    await makePrivateDirectory(absolute);
    const real = await realpath(absolute);
    await access(real, constants.R_OK | constants.W_OK | constants.X_OK);
    return real;
  } catch (cause) {
    throw fileFailure('use the data directory', absolute, cause);
  }
}

/** Makes a directory of mode 0700 unless it is there; a file or a dangling link in its place is an error. */
async function makePrivateDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    await access(join(path, '.'));
  }
}

/** The admin API key made at the first start (one line in `admin-key`), or undefined before there is one. */
export async function readAdminKey(dataDir: string): Promise<string | undefined> {
  return (await readIfPresent(adminKeyFile(dataDir)))?.trim();
}

/** Keeps the admin API key, mode 0600. */
export async function writeAdminKey(dataDir: string, key: string): Promise<void> {
  await writePrivateFile(adminKeyFile(dataDir), `${key}\n`);
}

/** Takes away an admin API key that opens nothing. */
export async function removeAdminKey(dataDir: string): Promise<void> {
  await rm(adminKeyFile(dataDir), { force: true });
}

/** Where the admin API key lies, for the lines printed at start. */
export function adminKeyFile(dataDir: string): string {
  return join(dataDir, 'admin-key');
}
