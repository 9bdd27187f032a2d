// Builds dist/ in a folder of its own and renames it into place: a running instance never sees half a build.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(import.meta.dirname, '..');
const dist = path.join(root, 'dist');
const stamp = '.sources';
const buildInputs = [
  'src',
  'migrations',
  'examples/bank/src',
  'tsconfig.json',
  'tsconfig.build.json',
  'nest-cli.json',
  'package-lock.json',
];

/** Builds when dist/ was built from other sources than those that lie here now. Contents decide, not file times. */
export async function buildIfStale() {
  const digest = digestOfSources();
  if (digest === digestOfBuild()) return;
  process.stderr.write('building dist/ ...\n');
  // Whoever began earlier and is done built the same: it may be in use already, and stays.
  await build(digest, () => digest !== digestOfBuild());
}

/** Says what the compiler said and nothing of how it was called. */
export function exitUnbuilt(failure) {
  process.stderr.write(`${failure.message}\n`);
  process.exit(1);
}

async function build(digest, isWanted = () => true) {
  const workshop = mkdtempSync(path.join(root, '.building-'));
  try {
    const config = path.join(workshop, 'tsconfig.json');
    writeFileSync(config, JSON.stringify({ extends: '../tsconfig.build.json', compilerOptions: { outDir: './dist' } }));
    await compile(path.relative(root, config));
    writeFileSync(path.join(workshop, 'dist', stamp), digest);
    // npm makes a command executable when it links it, which is once: `npx session-ledger` has to outlive a new build.
    chmodSync(path.join(workshop, 'dist', 'src', 'cli.js'), 0o755);
    if (isWanted()) putInPlace(workshop);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

async function compile(config) {
  const nest = createRequire(import.meta.url).resolve('@nestjs/cli/bin/nest.js');
  const compiler = spawn(process.execPath, [nest, 'build', '--path', config], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = [];
  for (const stream of [compiler.stdout, compiler.stderr]) stream.on('data', (chunk) => said.push(chunk));
  const status = await new Promise((resolve, reject) => compiler.once('close', resolve).once('error', reject));
  if (status !== 0) throw new Error(`the build failed\n${Buffer.concat(said).toString()}`);
}

/** Another start may put its own build in place at the same moment: the loser of a round tries again. */
function putInPlace(workshop) {
  const rounds = 20;
  for (let round = 1; ; round += 1) {
    try {
      if (existsSync(dist)) renameSync(dist, path.join(workshop, `replaced-${round}`));
      renameSync(path.join(workshop, 'dist'), dist);
      return;
    } catch (failure) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(failure.code) || round === rounds) throw failure;
    }
  }
}

function digestOfBuild() {
  const file = path.join(dist, stamp);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function digestOfSources() {
  const hash = createHash('sha256');
  const byName = (a, b) => (a < b ? -1 : 1);
  for (const file of buildInputs.flatMap(filesOf).toSorted(byName)) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(path.join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesOf(input) {
  const found = statSync(path.join(root, input), { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found ? [input] : [];
  return readdirSync(path.join(root, input), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(digestOfSources()).catch(exitUnbuilt);
