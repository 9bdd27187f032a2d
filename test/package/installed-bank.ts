import { cp } from 'node:fs/promises';
import path from 'node:path';
import type { FencedBlock } from '../docs/fenced-blocks.js';
import { linkCommands, linkPackages } from './installed-package.js';
import { root } from './packed-package.js';
import { startApplication, type RunningApplication } from './sample-application.js';

/** Copies the bank of the examples, without what a build or an install left there, below the installed package. */
export async function copyBank(folder: string): Promise<void> {
  const bank = path.join(root, 'examples', 'bank');
  for (const part of ['package.json', 'tsconfig.json', 'src'])
    await cp(path.join(bank, part), path.join(folder, part), { recursive: true });
  await linkPackages(folder, ['@types/express', '@types/node']);
  await linkCommands(folder, ['tsc']);
}

/** `npm install` is what the installed package and the links beside it stand for; everything else runs as it is written. */
const preamble = `
set -eu
npm() { [ "$1" = install ] || command npm "$@"; }
`;

/** Pastes the commands of the bank's own README into bash, on an empty database. */
export function startBank(folder: string, commands: FencedBlock[], databaseUrl: string): Promise<RunningApplication> {
  const script = commands
    .map(({ text }) => text.replace(/(?<=^export DATABASE_URL=).*$/m, `'${databaseUrl}'`))
    .join('\n');
  return startApplication(folder, ['bash', '-c', `${preamble}${script}`], { PORT: '0', npm_config_offline: 'true' });
}
