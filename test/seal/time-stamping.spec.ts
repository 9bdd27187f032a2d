import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogDirectory } from '../../src/seal/log-directory.js';
import { stampNewest } from '../../src/seal/time-stamping.js';
import { sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';
import { TimestampAuthority } from './timestamp-authority.js';

describe('a time-stamping authority made of openssl', () => {
  let ledger: SealedLedger;
  let folder: string;
  let authority: TimestampAuthority;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    folder = await mkdtemp(join(tmpdir(), 'timestamp-authority-'));
    authority = await TimestampAuthority.start(folder);
    await sealAndStop(ledger);
  });
  afterEach(async () => {
    await authority.stop();
    await rm(folder, { recursive: true });
    await ledger.close();
  });

  (existsSync('/usr/bin/openssl') ? describe : describe.skip)('where openssl is installed', () => {
    it('stamps the newest checkpoint once, and openssl verifies the token that lies beside it', async () => {
      await stamp();
      await stamp();
      expect(authority.queries).toHaveLength(1);
      expect(verified(join(ledger.directory, 'timestamped'))).toMatch(/Verification: OK/);
      expect(await readFile(join(ledger.directory, 'timestamped'), 'utf8')).toBe(
        await readFile(join(ledger.directory, 'checkpoint'), 'utf8'),
      );
      const [row] = await ledger.rows<{ size: number; age: number; response: Buffer }>(
        `SELECT size::int, extract(epoch FROM clock_timestamp() - stamped_at)::float8 AS age, response FROM session_ledger.checkpoint_timestamp`,
      );
      expect(row!.size).toBe(2);
      expect(Math.abs(row!.age)).toBeLessThan(60);
      expect(row!.response.equals(await readFile(join(ledger.directory, 'timestamped.tsr')))).toBe(true);
    });

    it('convicts a checkpoint that was changed after it was stamped', async () => {
      await stamp();
      const changed = join(folder, 'changed');
      await writeFile(
        changed,
        (await readFile(join(ledger.directory, 'timestamped'), 'utf8')).replace('\n2\n', '\n3\n'),
      );
      expect(() => verified(changed)).toThrow(/message imprint mismatch/);
    });

    it.each([
      [
        'stamps another document',
        (query: Buffer) => flipped(query, /\x04\x20/),
        /another document than the checkpoint/,
      ],
      ['answers with an earlier token', undefined, /its nonce is not ours/],
      ['refuses', (query: Buffer) => flipped(query, /\x02\x01\x01/), /refused to stamp/],
      ['answers with something else', undefined, /refused to stamp/],
    ])('that %s is told of, and nothing of it is kept', async (what, changed, message) => {
      const earlier =
        what === 'answers with an earlier token' ? authority.stamp(await anotherQuery()) : Buffer.from('hello');
      authority.answer = (query) => (changed === undefined ? earlier : authority.stamp(changed(query)));
      await expect(stamp()).rejects.toThrow(message);
      expect(await ledger.rows('SELECT * FROM session_ledger.checkpoint_timestamp')).toEqual([]);
      authority.answer = undefined;
      await stamp();
    });

    it('that is gone is told of, and asked about the newest checkpoint when it is back', async () => {
      await authority.stop();
      await expect(stamp()).rejects.toMatchObject({ code: 'ERR_OUTSIDE_UNAVAILABLE' });
      await ledger.recordSessions(1);
      await sealAndStop(ledger);
      authority = await TimestampAuthority.start(folder);
      await stamp();
      expect(await ledger.rows('SELECT size::int FROM session_ledger.checkpoint_timestamp')).toEqual([{ size: 6 }]);
    });
  });

  function stamp(): Promise<void> {
    return stampNewest(ledger.superuser, authority.url, [new LogDirectory(ledger.directory)]);
  }

  /** As docs/operator.md has it. */
  function verified(checkpoint: string): string {
    const words = [
      'ts',
      '-verify',
      '-data',
      checkpoint,
      '-in',
      join(ledger.directory, 'timestamped.tsr'),
      '-CAfile',
      authority.caFile,
    ];
    return execFileSync('openssl', words, { encoding: 'utf8', stdio: 'pipe' });
  }

  async function anotherQuery(): Promise<Buffer> {
    const words = ['ts', '-query', '-data', join(ledger.directory, 'checkpoint'), '-sha256', '-cert'];
    return execFileSync('openssl', words, { stdio: 'pipe' });
  }
});

/** A query with a bit changed behind a mark in its bytes. */
function flipped(query: Buffer, mark: RegExp): Buffer {
  const changed = Buffer.from(query);
  const { index, 0: found } = mark.exec(changed.toString('latin1'))!;
  changed[index + found.length - (found.length === 3 ? 1 : 0)]! ^= 4;
  return changed;
}
