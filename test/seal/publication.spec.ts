import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signCheckpoint } from '../../src/seal/checkpoint.js';
import { LogDirectory } from '../../src/seal/log-directory.js';
import type { LogFile } from '../../src/seal/log-place.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyLog } from '../../src/seal/verifier.js';
import { logInDirectory } from '../../src/seal/verify-directory.js';
import { until } from './until.js';
import { changeAsOwner, origin, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';

/** A directory on a disk that can be full, and that can be slow. */
class FrailDirectory extends LogDirectory {
  isFull = false;
  /** Writing waits until this resolves. */
  gate: Promise<void> = Promise.resolve();
  writes = 0;

  override async write(files: readonly LogFile[]): Promise<void> {
    this.writes += 1;
    await this.gate;
    if (this.isFull) throw new Error('no space left on device');
    return super.write(files);
  }
}

describe('the publication of the log', () => {
  let ledger: SealedLedger;
  let other: string;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    other = await mkdtemp(join(tmpdir(), 'sealed-ledger-other-'));
  });
  afterEach(async () => {
    await ledger.close();
    await rm(other, { recursive: true });
  });

  it('shows a checkpoint to nobody before every place keeps it, while sealing goes on', async () => {
    const frail = new FrailDirectory(other);
    const sealer = ledger.sealer({ places: [new LogDirectory(ledger.directory), frail], publishEveryMs: 0 });
    await sealer.sealOnce();
    frail.isFull = true;
    await ledger.recordSessions(2);

    await expect(sealer.sealOnce()).rejects.toThrow('no space left on device');
    expect(await sizes()).toEqual({ sealed: 9, shown: 2 });

    frail.isFull = false;
    await sealer.sealOnce();
    expect(await sizes()).toEqual({ sealed: 9, shown: 9 });
    expect(await textIn(other, 'checkpoint')).toBe(await textIn(ledger.directory, 'checkpoint'));
  });

  it('asks the places before each checkpoint: a sealer on the server that was demoted signs nothing beside the new one', async () => {
    const sealer = ledger.sealer({ publishEveryMs: 0 });
    await sealer.sealOnce();
    const elsewhere = { origin, size: 100, root: Buffer.alloc(32, 7), extensions: [] };
    const note = await signCheckpoint(elsewhere, [SigningKey.fromPem(origin, ledger.signingKey)]);
    await writeFile(join(ledger.directory, 'signed'), note);
    await ledger.recordSessions(2);

    await expect(sealer.sealOnce()).rejects.toMatchObject({
      code: 'ERR_EVIDENCE_REJECTED',
      message: expect.stringMatching(/refusing to seal.*last published checkpoint has 100/),
    });
    expect((await sizes()).shown).toBe(2);
    expect(await textIn(ledger.directory, 'signed')).toBe(note);
  });

  it('is taken over only with a place that knows the newest checkpoint, since a private one cannot tell what was signed elsewhere', async () => {
    await sealAndStop(ledger);
    const takingOver = ledger.sealer({ directory: other });
    await expect(takingOver.sealOnce()).rejects.toMatchObject({
      code: 'ERR_EVIDENCE_REJECTED',
      message: expect.stringMatching(/does not know it.*must share SESSION_LEDGER_SEAL_DIR/),
    });
    expect(await ledger.rows('SELECT count(*)::int AS keys FROM session_ledger.seal_key')).toEqual([{ keys: 1 }]);

    await writeFile(join(other, 'signed'), await textIn(ledger.directory, 'checkpoint'));
    await ledger.recordSessions(1);
    await takingOver.sealOnce();
    expect(await verified(other)).toMatchObject({ holds: true, size: 6 });
  });

  it('fills a new place in slices, seals meanwhile, stops between two of them, and goes on where that was', async () => {
    await recordMany(60_000);
    await sealAndStop(ledger);
    const slow = new FrailDirectory(other);
    await writeFile(join(other, 'signed'), await textIn(ledger.directory, 'signed'));
    let open = (): void => undefined;
    slow.gate = new Promise((resolve) => (open = resolve));
    const places = [new LogDirectory(ledger.directory), slow];
    const sealer = ledger.sealer({ places, everyMs: 5, publishEveryMs: 0 });
    sealer.start();
    await until(async () => slow.writes > 0);
    const { sealed } = await sizes();
    await recordMany(10);
    await until(async () => (await sizes()).sealed >= sealed + 10);
    const stopped = sealer.stop();
    open();
    await stopped;
    expect(await readdir(other)).not.toContain('checkpoint');

    await ledger.sealer({ places: [new LogDirectory(ledger.directory), new LogDirectory(other)] }).sealOnce();
    expect(await verified(other)).toMatchObject({ holds: true, size: (await sizes()).sealed });
  });

  it('publishes no entry that contradicts its seal, says so each time, and goes on with new events elsewhere', async () => {
    await ledger.recordSessions(100);
    await sealAndStop(ledger);
    await changeAsOwner(ledger, 'event', `UPDATE session_ledger.event SET recorded_by = 2 WHERE seq = 20`);
    await ledger.recordSessions(100);
    const sealer = ledger.sealer({ places: [new LogDirectory(ledger.directory), new LogDirectory(other)] });

    await expect(sealer.sealOnce()).rejects.toThrow(/contradicts its seal: leaf 19/);

    expect(await sizes()).toEqual({ sealed: 603, shown: 603 });
    expect(await readdir(other)).not.toContain('checkpoint');
    expect((await textIn(other, 'signed')).split('\n')[1]).toBe('603');
  });

  it('writes everything again where a disk has lost files that the checkpoint promises, and clears the drafts of the killed', async () => {
    await ledger.recordSessions(100);
    await sealAndStop(ledger);
    await rm(join(ledger.directory, 'tile/0/001.p'), { recursive: true });
    await rm(join(ledger.directory, 'tile/entries/000'));
    await mkdir(join(ledger.directory, 'drafts'), { recursive: true });
    await writeFile(join(ledger.directory, 'drafts', 'half'), 'half of it');

    await sealAndStop(ledger);

    expect(await verified(ledger.directory)).toMatchObject({ holds: true, size: 303 });
    expect(await readdir(join(ledger.directory, 'drafts')).catch(() => [])).toEqual([]);
  });

  async function sizes(): Promise<{ sealed: number; shown: number }> {
    const [found] = await ledger.rows<{ sealed: number; shown: number }>(
      `SELECT (SELECT max(size)::int FROM session_ledger.tree_head) AS sealed,
              (SELECT max(size)::int FROM session_ledger.published_checkpoint) AS shown`,
    );
    return found!;
  }

  async function recordMany(events: number): Promise<void> {
    await ledger.rows(
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by)
       SELECT 'noted', 0, clock_timestamp(), 1 FROM generate_series(1, $1)`,
      [events],
    );
  }

  async function verified(path: string): ReturnType<typeof verifyLog> {
    const keys = [SigningKey.fromPem(origin, ledger.signingKey).vkey];
    return verifyLog(await logInDirectory(path), { keys });
  }

  async function textIn(path: string, file: string): Promise<string> {
    return readFile(join(path, file), 'utf8');
  }
});
