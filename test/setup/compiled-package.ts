import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { transform, version, type Options } from '@swc/core';
import { testPackageVariable } from './test-server.js';

const root = path.resolve(import.meta.dirname, '..', '..');
const place = path.join(root, 'node_modules', '.cache', 'session-ledger-tests');
const sourceFolders = ['src', 'migrations', 'examples/bank/src'];
const staleAfterMs = 24 * 3_600_000;

// tsx does not write the decorator metadata that Nest needs; swc does.
const options: Options = {
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true, dynamicImport: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
    keepClassNames: true,
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
  swcrc: false,
};

/** Tells every worker of the run where the compiled package lies. */
export async function providePackage(): Promise<void> {
  process.env[testPackageVariable] = await compilePackage();
}

/** Where the compiled package of this run lies. */
export function compiledPackage(): string {
  const folder = process.env[testPackageVariable];
  if (folder === undefined) throw new Error(`${testPackageVariable} is not set: run this file through jest`);
  return folder;
}

/** The main file of one of the package's programs, for `node`. */
export function programOf(name: 'main' | 'cli'): string {
  return path.join(compiledPackage(), 'dist', 'src', `${name}.js`);
}

/**
 * The package as it is installed, made of the sources as they are written, for tests that run its programs in processes
 * of their own. Compiled once a run and kept by the digest of its sources: compiled by each process as it started, a
 * hundred commands took half of the suite's CPU. Not `dist/`: a build there would pull the files from under whoever
 * runs it.
 *
 * @returns the package's folder, with `package.json`, `reports/` and `dist/`.
 */
async function compilePackage(): Promise<string> {
  const manifest = await readFile(path.join(root, 'package.json'), 'utf8');
  const sources = (await Promise.all(sourceFolders.map(readSources))).flat();
  const folder = path.join(place, digestOf(JSON.stringify([version, options, manifest, sources])));
  if (await exists(folder)) return folder;
  await forgetStale();
  const draft = `${folder}.${randomBytes(6).toString('hex')}`;
  await mkdir(draft, { recursive: true });
  await writeFile(path.join(draft, 'package.json'), manifest);
  await symlink(path.join(root, 'reports'), path.join(draft, 'reports'));
  await Promise.all(sources.map((source) => compileInto(path.join(draft, 'dist'), source)));
  // Another run may have put the same there meanwhile; either will do.
  await rename(draft, folder).catch(() => rm(draft, { recursive: true }));
  return folder;
}

interface Source {
  readonly file: string;
  readonly text: string;
}

async function readSources(folder: string): Promise<Source[]> {
  const names = await readdir(path.join(root, folder), { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts')).map((name) => path.join(folder, name));
  return Promise.all(
    files.toSorted().map(async (file) => ({ file, text: await readFile(path.join(root, file), 'utf8') })),
  );
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

async function compileInto(folder: string, { file, text }: Source): Promise<void> {
  const { code } = await transform(text, { ...options, filename: path.join(root, file) });
  const target = path.join(folder, file.replace(/\.ts$/, '.js'));
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, code);
}

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}

/** Another run of the same checkout may still use what was made an hour ago. */
async function forgetStale(): Promise<void> {
  for (const name of await readdir(place).catch(() => [])) {
    const folder = path.join(place, name);
    const { mtimeMs } = await stat(folder);
    if (mtimeMs < Date.now() - staleAfterMs) await rm(folder, { recursive: true, force: true });
  }
}
