import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { blocksFor } from '../docs/exercised-blocks.js';
import { programOf } from '../setup/compiled-package.js';

const run = promisify(execFile);
const program = programOf('cli');
const readme = blocksFor('test/cli/demo.spec.ts', 'README.md');

/** The README's commands on what was compiled already. */
const preamble = `
set -eu
npm() { [ "$*" = 'run build' ]; }
npx() { shift; node ${program} "$@"; }
`;

jest.setTimeout(240_000);

describe('session-ledger demo', () => {
  let place: string;
  let transcript: string;

  const surroundings = () => ({ PATH: process.env['PATH'], TMPDIR: place, TZ: 'UTC' });

  beforeAll(async () => {
    place = await mkdtemp(path.join(tmpdir(), 'demo-'));
    await chmod(place, 0o755);
    const commands = readme.filter(({ language }) => language === 'bash').map(({ text }) => text);
    transcript = (await run('bash', ['-c', `${preamble}${commands.join('')}`], { env: surroundings() })).stdout;
  });

  afterAll(() => rm(place, { recursive: true, force: true }));

  it('leaves nothing behind', async () => {
    expect(await readdir(place)).toEqual([]);
  });

  it('shows who was let in, who was thrown out, and what the ledger says of it', () => {
    expect(transcript).toMatch(/\$ as phone \/login .*password=123456\n401\n/);
    expect(transcript).toMatch(/\$ as library \/account\n303 \S+\/login\n/);
    expect(transcript).toMatch(/was-logged-in alice .*\n.*: logged in\nSettled, sealed; times in UTC\n(.*\n){6,}?0\n/);
    expect(transcript).toMatch(/was-logged-in bob .*\n.*: not logged in\n(.*\n)+?\d+ +revoked .*\n10\n/);
    expect(transcript).toMatch(/was-logged-in mallory .*\n.*: not logged in \(no_such_user\)\n.*\n.*\n10\n/);
    expect(transcript).toMatch(/was-logged-in alice --at 2020-.*\n.*: unknown \(before_ledger\)\n.*\n.*\n11\n/);
    expect(transcript).toMatch(/\n"full"\n.*"not_logged_in".*\n.*"logged_in".*\n.*"not_logged_in".*\n/);
    expect(transcript).toMatch(/\d+ +2 +expired .* idle +-\n/);
    expect(transcript).toMatch(/\nT-1,alice,.*,logged_in,.*\nT-2,bob,.*,not_logged_in,.*\nT-3,.*ERR_INVALID_INSTANT\n/);
  });

  it('is what the README shows of it, but for ids, instants and addresses', () => {
    const [shown] = readme.filter(({ language }) => language === 'console');
    expect(withoutChance(shown?.text ?? '')).toBe(withoutChance(transcript));
  });

  it('takes all of it away on Ctrl-C, in the middle', async () => {
    const demo = spawn(process.execPath, [program, 'demo'], { env: surroundings(), stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(demo, 'exit');
    await once(demo.stdout, 'data');
    demo.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    expect(await readdir(place)).toEqual([]);
  });
});

/**
 * A transcript without what is another at each run: ids, instants, places in the ledger, ports, the folder, and the order
 * of two users, which is that of their random subject ids.
 */
function withoutChance(text: string): string {
  return text
    .trim()
    .replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, 'ID')
    .replaceAll(/20[2-9][1-9]-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{6}(Z|\+00:00)/g, 'INSTANT')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS')
    .replaceAll(/SESSION_LEDGER_DATA_DIR=\S+/g, 'SESSION_LEDGER_DATA_DIR=FOLDER')
    .replaceAll(/^\d+ +(?=\S)/gm, 'SEQ ')
    .replaceAll(/,\d+( \d+)*,$/gm, ',SEQS,')
    .replace('bob    1\nalice  2\n', 'alice  2\nbob    1\n');
}
