import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { liveLog } from '../../src/seal/live-log.js';
import { leafHashes, merkleRoot } from '../../src/seal/merkle.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyLog } from '../../src/seal/verifier.js';
import { logInDirectory } from '../../src/seal/verify-directory.js';
import { origin, publishedLeaves, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';
import { until } from './until.js';

describe('a sealer that is killed', () => {
  let ledger: SealedLedger;
  let keyFile: string;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    keyFile = join(ledger.directory, '..', `${ledger.database.name}.pem`);
    await writeFile(keyFile, ledger.signingKey, { mode: 0o600 });
  });
  afterEach(async () => {
    await rm(keyFile);
    await ledger.close();
  });

  it.each(['committed', 'signed', 'kept', 'recorded', 'some files', 'all files', 'published'] as const)(
    'leaves after the step "%s" what the next one completes, and nothing that contradicts what it signed',
    async (step) => {
      await ledger.recordSessions(100);
      await sealAndStop(ledger);
      await ledger.recordSessions(100);
      expect((await once(startSealer(step), 'exit'))[1]).toBe('SIGKILL');
      await ledger.recordSessions(10);
      await sealEverything();
      const keys = [SigningKey.fromPem(origin, ledger.signingKey).vkey];
      expect(await verifyLog(await logInDirectory(ledger.directory), { keys })).toMatchObject({
        holds: true,
        size: 633,
      });
      expect(await verifyLog(await liveLog(ledger.superuser), { keys })).toMatchObject({ holds: true, size: 633 });
    },
  );

  it('leaves what the next one completes, at whatever moment that was', async () => {
    for (let killed = 0; killed < 6; killed += 1) {
      const child = startSealer();
      const exited = once(child, 'exit');
      await once(child.stdout!, 'data');
      await Promise.all([ledger.recordSessions(40), sleep(20 + killed * 17).then(() => child.kill('SIGKILL'))]);
      await exited;
    }
    await sealEverything();
    const leaves = await publishedLeaves(ledger);
    const notes = await ledger.rows<{ note: string }>('SELECT note FROM session_ledger.published_checkpoint');
    for (const { note } of notes) {
      const [, size, root] = note.split('\n');
      expect(merkleRoot(leafHashes(leaves.slice(0, Number(size)))).toString('base64')).toBe(root);
    }
  });

  function startSealer(step?: string): ChildProcess {
    const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const program = join(import.meta.dirname, 'sealer-program.ts');
    const programArguments = [ledger.database.url, keyFile, origin, ledger.directory, ...(step ? [step] : [])];
    return spawn(process.execPath, ['--import', loader, program, ...programArguments], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  /** The lock of a killed sealer goes when the server notices that its client is gone. */
  async function sealEverything(): Promise<void> {
    const sealer = ledger.sealer();
    await until(async () => {
      await sealer.sealOnce();
      const [counted] = await ledger.rows<{ events: number }>(
        'SELECT count(*)::int AS events FROM session_ledger.event',
      );
      return counted!.events === (await ledger.published()).size;
    });
  }
});
