// `npm run bench [name ...]`: builds when the sources changed, installs the peers when they are missing or have
// changed, then runs the benchmarks named, or all.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { buildIfStale, exitUnbuilt } from '../scripts/build.mjs';

const here = import.meta.dirname;

await buildIfStale().catch(exitUnbuilt);
if (!arePeersInstalled()) await run('npm', ['ci', '--prefix', here, '--no-audit', '--no-fund']);
process.exitCode = await run(process.execPath, [
  '--import',
  'tsx',
  path.join(here, 'run.ts'),
  ...process.argv.slice(2),
]);

function arePeersInstalled() {
  const installed = path.join(here, 'node_modules', '.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(path.join(here, 'package-lock.json')).mtimeMs;
}

function run(command, words) {
  const child = spawn(command, words, { cwd: path.resolve(here, '..'), stdio: 'inherit' });
  return new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
}
