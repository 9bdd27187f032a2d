import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const buildIfStale = `await (await import('./scripts/build.mjs')).buildIfStale()`;
/** This checkout. */
export const root = path.resolve(import.meta.dirname, '..', '..');

/** The tarball that `npm publish` would send. */
export interface PackedPackage {
  readonly tarball: string;
  /** The paths in it. */
  readonly files: readonly string[];
}

/** Packs this checkout with the build of its sources. */
export async function packPackage(place: string): Promise<PackedPackage> {
  await run(process.execPath, ['--input-type=module', '-e', buildIfStale], { cwd: root });
  const words = ['pack', '--json', '--offline', '--ignore-scripts', '--pack-destination', place];
  const { stdout } = await run('npm', words, { cwd: root });
  const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  if (packed === undefined) throw new Error(`npm pack made nothing:\n${stdout}`);
  return { tarball: path.join(place, packed.filename), files: packed.files.map((file) => file.path) };
}
