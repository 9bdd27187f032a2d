import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from '../../src/seal/checkpoint.js';
import { LogDirectory } from '../../src/seal/log-directory.js';
import { parseVerifierKey } from '../../src/seal/note-key.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { witnessNewest } from '../../src/seal/witnessing.js';
import { origin, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';
import { TestWitness } from './test-witness.js';

describe('a witness', () => {
  let ledger: SealedLedger;
  let witness: TestWitness;
  let vkey: string;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    vkey = SigningKey.fromPem(origin, ledger.signingKey).vkey;
    witness = await TestWitness.start(vkey);
    await ledger.recordSessions(1);
    await sealAndStop(ledger);
  });
  afterEach(async () => {
    await witness.stop();
    await ledger.close();
  });

  it('cosigns what continues what it saw, and the checkpoint is published with its signature behind that of the log', async () => {
    await ask();
    await ledger.recordSessions(100);
    await sealAndStop(ledger);
    await ask();

    expect(witness.size).toBe(306);
    const cosigned = await readFile(join(ledger.directory, 'cosigned'), 'utf8');
    const trust = { origin, logKeys: [parseVerifierKey(vkey)], witnessKeys: [parseVerifierKey(witness.vkey)] };
    const { checkpoint, logSignatures, cosignatures } = openCheckpoint(cosigned, trust);
    expect(checkpoint.size).toBe(306);
    expect([logSignatures.length, cosignatures.length]).toEqual([1, 1]);
    expect(cosignatures[0]!.cosignedAtPosixSeconds).toBe(1_700_000_000n);
    expect(await readFile(join(ledger.directory, 'checkpoint'), 'utf8')).toBe(cosigned);
    await ledger.recordSessions(1);
    await sealAndStop(ledger);
    expect((await ledger.published()).size).toBe(309);
  });

  it('is asked once about a checkpoint, and again from the size that it names when it saw one that is not known here', async () => {
    await ask();
    await ask();
    expect(witness.requests).toHaveLength(1);
    await ledger.recordSessions(2);
    await sealAndStop(ledger);
    witness.size = 3;
    await expect(ask()).rejects.toThrow(/it answered 422/);
    expect(witness.requests.map((request) => request.split('\n')[0])).toEqual(['old 0', 'old 6', 'old 3']);
  });

  it('that has seen more of the log than the database has convicts the database', async () => {
    witness.size = 1_000;
    await expect(ask()).rejects.toMatchObject({
      code: 'ERR_EVIDENCE_REJECTED',
      message: expect.stringMatching(
        /seen a checkpoint over 1000 events and this database has sealed 6: the log went back/,
      ),
    });
  });

  it.each([
    ['lies', 'ERR_EVIDENCE_REJECTED', /no signature of this checkpoint by its key/],
    ['failing', 'ERR_OUTSIDE_UNAVAILABLE', /answered 500/],
  ] as const)('that is %s is told of, and nothing of it is published', async (mood, code, message) => {
    witness.mood = mood;
    await expect(ask()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await ledger.rows('SELECT * FROM session_ledger.checkpoint_cosignature')).toEqual([]);
    await expect(readFile(join(ledger.directory, 'cosigned'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('that does not know the log, or is not there, is told of with what to do', async () => {
    const stranger = await TestWitness.start(SigningKey.generate('another.example/log').vkey);
    await expect(witnessNewest(ledger.superuser, stranger, [])).rejects.toThrow(/have it add the origin and key/);
    await stranger.stop();
    await expect(witnessNewest(ledger.superuser, stranger, [])).rejects.toMatchObject({
      code: 'ERR_OUTSIDE_UNAVAILABLE',
    });
  });

  function ask(): Promise<void> {
    return witnessNewest(ledger.superuser, witness, [new LogDirectory(ledger.directory)]);
  }
});
