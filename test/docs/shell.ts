import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { programOf } from '../setup/compiled-package.js';

/** `npx session-ledger` in a document is the command line of this checkout. */
const preamble = (): string => `
set -eu -o pipefail
npx() { shift; node ${programOf('cli')} "$@"; }
`;

/** What a script of a document left behind; `shown` is all that it printed, in order. */
export interface Ran {
  readonly code: number | null;
  readonly shown: string;
}

/** Runs the blocks of a document one after the other in one bash, as somebody would paste them. */
export async function runInBash(script: string, folder: string, variables: Record<string, string> = {}): Promise<Ran> {
  const { PATH, HOME } = process.env;
  const bash = spawn('bash', ['-c', `${preamble()}${script}`], {
    cwd: folder,
    env: { PATH, HOME, TZ: 'Europe/Berlin', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let shown = '';
  for (const stream of [bash.stdout, bash.stderr]) stream.on('data', (chunk) => (shown += String(chunk)));
  const [code] = (await once(bash, 'close')) as [number | null];
  return { code, shown };
}
