// Installs the packed package into the bank of the examples as its customers do: npm resolves its dependencies and peers
// anew, without this project's lock file. Exit code 77: no registry can be reached, nothing was checked.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const scratch = mkdtempSync(path.join(tmpdir(), 'session-ledger-install-'));
const bank = path.join(scratch, 'examples', 'bank');
try {
  refuseWithoutRegistry();
  run(root, 'npm', 'pack', '--ignore-scripts', '--pack-destination', scratch);
  for (const part of ['package.json', 'tsconfig.json', 'src'])
    cpSync(path.join(root, 'examples', 'bank', part), path.join(bank, part), { recursive: true });
  run(bank, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund');
  // Fails on a peer that is missing or of another version than the package asks for.
  run(bank, 'npm', 'ls', '--all');
  run(bank, 'npm', 'run', 'build');
  run(bank, 'npx', 'session-ledger', '--help');
} catch (failure) {
  console.log(failure.message);
  process.exitCode = failure.isUnreachable ? 77 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Without one, npm speaks of conflicts between versions instead. */
function refuseWithoutRegistry() {
  const { status } = spawnSync('npm', ['view', '@nestjs/common', 'version'], { cwd: root });
  if (status !== 0) throw Object.assign(new Error('no registry can be reached'), { isUnreachable: true });
}

function run(cwd, command, ...words) {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${stdout}${stderr}\n"${command} ${words.join(' ')}" ended with ${status}`);
}
