import { constants } from 'node:fs';
import { chmod, cp, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileFailure } from './file-failure.js';
import { readIfPresent } from './private-file.js';

/**
 * Copies an installation of the server (60 MB) to `<versions>/<version>`, readable to everybody who may enter
 * `<versions>`, with the library links that an installation without scripts lacks.
 *
 * @throws SessionLedgerError `ERR_DATA_DIRECTORY` when it cannot be written; nothing is left then.
 */
export async function copyBinaries(installed: string, copy: string): Promise<void> {
  const versions = dirname(copy);
  const draft = `${copy}.new`;
  try {
    // Whatever is there is an older version's, or a copy that was cut short; no server runs from it while we start one.
    await rm(versions, { recursive: true, force: true });
    await mkdir(versions);
    await cp(installed, draft, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
    await linkLibraries(draft);
    await makeReadable(draft);
    await chmod(versions, 0o755);
    await rename(draft, copy);
  } catch (cause) {
    await rm(versions, { recursive: true, force: true });
    throw fileFailure('copy the PostgreSQL binaries to', copy, cause);
  }
}

/** npm tarballs carry no symbolic links, so the package lists them, from its root, for its install script to make. */
async function linkLibraries(native: string): Promise<void> {
  const list = await readIfPresent(join(native, 'pg-symlinks.json'));
  const links = JSON.parse(list ?? '[]') as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target.replace(/^native/, basename(native)));
    await rm(link, { force: true });
    await symlink(basename(source), link);
  }
}

/** An installation under umask 077 is readable to its owner only, and so would be its copy. */
async function makeReadable(native: string): Promise<void> {
  await chmod(native, 0o755);
  for (const entry of await readdir(native, { recursive: true, withFileTypes: true })) {
    const mode = entry.isDirectory() || basename(entry.parentPath) === 'bin' ? 0o755 : 0o644;
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), mode);
  }
}
