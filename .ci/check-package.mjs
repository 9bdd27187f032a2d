// What `npm publish` would send: nothing that is missing, nothing that belongs to the workshop, and it loads both ways.
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';

const required = [
  'package.json',
  'README.md',
  'LICENSE',
  'dist/src/index.js',
  'dist/src/index.d.ts',
  'dist/src/main.js',
  'dist/src/cli.js',
  'dist/src/verify.js',
  'dist/examples/bank/src/main.js',
  'reports/README.md',
  'migrations/schema.sql',
];
const workshop =
  /^(test|scripts|bench|src|\.ci|\.building|node_modules)\/|\.spec\.|\.tsbuildinfo$|\.sources$|^migrations\/.*\.ts$/;

const [tarball] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }),
);
const files = tarball.files.map(({ path }) => path);
const faults = [
  ...required.filter((file) => !files.includes(file)).map((file) => `missing: ${file}`),
  ...files.filter((file) => workshop.test(file)).map((file) => `does not belong in the package: ${file}`),
  ...(statSync('dist/src/cli.js').mode & 0o100
    ? []
    : ['dist/src/cli.js cannot be run: npx in this checkout is refused']),
  ...(await loadingFaults()),
];

for (const fault of faults) console.error(fault);
console.log(`${files.length} files, ${tarball.unpackedSize} bytes`);
process.exitCode = faults.length === 0 ? 0 : 1;

/** A CommonJS application requires the package as an ES module one imports it; Node allows it without top-level await. */
async function loadingFaults() {
  const imported = await import('session-ledger');
  const required = createRequire(import.meta.url)('session-ledger');
  const names = Object.keys(imported).filter((name) => name !== 'default');
  if (names.length === 0) return ['the library exports nothing'];
  return names.filter((name) => required[name] !== imported[name]).map((name) => `require gives another ${name}`);
}
