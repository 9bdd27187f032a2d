import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { root } from './packed-package.js';

const run = promisify(execFile);

/**
 * Unpacks the package in the `node_modules` of a folder, as npm does, and beside it only what the package declares: an
 * import that it does not declare finds nothing. Those packages are this checkout's own, so that no network is needed.
 * Applications in folders below find it there.
 */
export async function installPackage(place: string, tarball: string): Promise<void> {
  const installed = path.join(place, 'node_modules', 'session-ledger');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  const { bin, dependencies, peerDependencies } = JSON.parse(
    await readFile(path.join(installed, 'package.json'), 'utf8'),
  ) as Record<'bin' | 'dependencies' | 'peerDependencies', Record<string, string>>;
  await linkPackages(place, Object.keys({ ...dependencies, ...peerDependencies }));
  for (const [name, program] of Object.entries(bin)) {
    await chmod(path.join(installed, program), 0o755);
    await linkTo(path.join(installed, program), path.join(place, 'node_modules', '.bin', name));
  }
}

/** Puts packages of this checkout into the `node_modules` of a folder. */
export async function linkPackages(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names)
    await linkTo(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
}

/** Puts commands of this checkout's packages where `npm run` finds them. */
export async function linkCommands(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const command = path.join('node_modules', '.bin', name);
    await linkTo(path.join(root, command), path.join(folder, command));
  }
}

async function linkTo(target: string, link: string): Promise<void> {
  await mkdir(path.dirname(link), { recursive: true });
  await symlink(target, link);
}
