import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { programOf } from '../setup/compiled-package.js';

const run = promisify(execFile);
const program = programOf('cli');

const hasTools = ['curl', 'jq'].every((tool) => spawnSync(tool, ['--version']).status === 0);

jest.setTimeout(240_000);

/** A command of a transcript and what stood below it. */
interface Shown {
  readonly command: string;
  readonly printed: string;
}

(hasTools ? describe : describe.skip)('the transcript of session-ledger demo --stay, pasted into bash', () => {
  let place: string;
  let demo: ChildProcess;
  let shown: Shown[];

  const surroundings = () => ({ PATH: process.env['PATH'], TMPDIR: place, TZ: 'UTC' });

  beforeAll(async () => {
    place = await mkdtemp(path.join(tmpdir(), 'demo-'));
    await chmod(place, 0o755);
    demo = spawn(process.execPath, [program, 'demo', '--stay'], {
      env: surroundings(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    shown = commandsOf(await untilItStays(demo));
  });

  afterAll(async () => {
    if (demo?.exitCode === null) {
      demo.kill('SIGINT');
      await once(demo, 'exit');
    }
    await rm(place, { recursive: true, force: true });
  });

  const paste = async (commands: Shown[]): Promise<Shown[]> => {
    const separator = '\u001e';
    const preamble = `cd "$(mktemp -d)"\nnpx() { shift; node ${program} "$@"; }\n`;
    const script = commands.map(({ command }) => `printf '${separator}'\n${command}\n`).join('');
    const { stdout } = await run('bash', ['-c', `${preamble}${script}`], { env: surroundings() });
    const printed = stdout.split(separator).slice(1);
    return commands.map(({ command }, nth) => ({ command, printed: withoutBlankLines(printed[nth] ?? '') }));
  };

  const settings = (): Shown[] => shown.filter(({ command }) => /^(export |[A-Z]+=http|\w+\(\))/.test(command));
  const isQuestion = ({ command }: Shown): boolean => /^(npx|printf|call '\/v1\/users)/.test(command);

  it('gives every answer once more as it was', async () => {
    const asked = [...settings(), ...shown.filter(isQuestion)];
    expect(asked.length).toBeGreaterThan(12);
    expect(await paste(asked)).toEqual(asked);
  });

  it('goes through the bank once more as it did, but for Bob, who is locked out', async () => {
    const dealings = shown.filter((one) => !isQuestion(one));
    const differs = ({ command }: Shown): boolean => /^(as library |SESSION=)/.test(command);
    const again = await paste(dealings);
    expect(again.filter((one) => !differs(one))).toEqual(dealings.filter((one) => !differs(one)));
    const bob = again.filter(({ command }) => command.startsWith('as library /login'));
    expect(bob.map(({ printed }) => printed)).toEqual(['401', '401']);
  });
});

async function untilItStays(demo: ChildProcess): Promise<string> {
  let transcript = '';
  let remarks = '';
  demo.stdout?.on('data', (chunk) => (transcript += String(chunk)));
  return new Promise((resolve, reject) => {
    demo.stderr?.on('data', (chunk) => {
      remarks += String(chunk);
      if (remarks.includes('Paste the lines')) resolve(transcript);
    });
    demo.once('close', () => reject(new Error(`the demonstration ended:\n${transcript}${remarks}`)));
  });
}

function commandsOf(transcript: string): Shown[] {
  const parts = transcript.split(/^\$ /m).slice(1);
  return parts.map((part) => {
    const [command = '', ...printed] = part.replace(/^# .*\n/gm, '').split('\n');
    return { command, printed: withoutBlankLines(printed.join('\n')) };
  });
}

function withoutBlankLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}
