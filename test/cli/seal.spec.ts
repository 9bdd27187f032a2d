import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programOf } from '../setup/compiled-package.js';
import { setUpSealedLedger, type SealedLedger } from '../seal/sealed-ledger.js';
import { until } from '../seal/until.js';
import { sessionLedger } from './command.js';

describe('session-ledger seal', () => {
  let ledger: SealedLedger;
  let dataDir: string;

  beforeAll(async () => {
    ledger = await setUpSealedLedger();
    dataDir = mkdtempSync(join(tmpdir(), 'sealed-by-command-'));
    await ledger.recordSessions(10);
  });
  afterAll(async () => {
    await ledger.close();
    rmSync(dataDir, { recursive: true });
  });

  it('seals a ledger that no service seals, and makes a key for it the first time', async () => {
    const variables = { SESSION_LEDGER_DATA_DIR: dataDir, SESSION_LEDGER_ORIGIN: 'ledger.example/library' };
    const words = ['seal', '--database-url', ledger.database.url];
    expect(await sessionLedger(words, variables)).toEqual({
      code: 0,
      out: 'ledger.example/library: 33 events sealed\n',
      err: '',
    });
    const directory = join(dataDir, 'ledger');
    const verified = await sessionLedger(['verify', '--directory', directory, '--key', join(directory, 'keys')]);
    expect(verified).toMatchObject({ code: 0, out: expect.stringMatching(/33 events, each as it was sealed/) });
  });

  it('goes on with --watch until it is stopped', async () => {
    const variables = { SESSION_LEDGER_DATA_DIR: dataDir, SESSION_LEDGER_PUBLISH_EVERY_MS: '50' };
    const words = [programOf('cli'), 'seal', '--watch', '--database-url', ledger.database.url];
    const watching = spawn(process.execPath, words, { env: { ...process.env, ...variables }, stdio: 'ignore' });
    const ended = once(watching, 'close');
    await ledger.recordSessions(2);
    await until(async () => (await readFile(join(dataDir, 'ledger', 'checkpoint'), 'utf8')).split('\n')[1] === '39');
    watching.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('says where the key is to come from when another place has it, and ends with 1', async () => {
    const elsewhere = join(dataDir, 'elsewhere');
    const words = ['seal', '--database-url', ledger.database.url];
    const refused = await sessionLedger(words, { SESSION_LEDGER_DATA_DIR: elsewhere });
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/SESSION_LEDGER_SEAL_KEY_FILE/) });
  });
});
