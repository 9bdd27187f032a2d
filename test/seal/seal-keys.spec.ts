import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SigningKey } from '../../src/seal/signing-key.js';
import { origin, publishedLeaves, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';

describe('the keys of a log', () => {
  let ledger: SealedLedger;
  const next = SigningKey.generate(origin).toPem();

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    await sealAndStop(ledger);
  });
  afterEach(async () => ledger.close());

  it('are joined by one that signs beside an old one, and from then on signs alone', async () => {
    await expect(ledger.sealer({ signingKeys: [next] }).sealOnce()).rejects.toThrow(/sealed with other keys/);
    await ledger.recordSessions(1);
    await sealAndStop(ledger, { signingKeys: [ledger.signingKey, next] });
    await ledger.recordSessions(1);
    await sealAndStop(ledger, { signingKeys: [next] });
    const keys = (await readFile(join(ledger.directory, 'keys'), 'utf8')).trim().split('\n');
    expect(keys).toEqual([ledger.signingKey, next].map(vkeyOf));
    expect((await ledger.published()).size).toBe((await publishedLeaves(ledger)).length);
  });

  it('are joined only once a checkpoint is published that both have signed, and the list says which', async () => {
    await sealAndStop(ledger, { signingKeys: [ledger.signingKey, next] });
    await expect(ledger.sealer({ signingKeys: [next] }).sealOnce()).rejects.toThrow(/sealed with other keys/);

    await ledger.recordSessions(1);
    await sealAndStop(ledger, { signingKeys: [ledger.signingKey, next] });

    const [joined] = await ledger.rows<{ note: string }>(
      `SELECT p.note FROM session_ledger.seal_key k JOIN session_ledger.published_checkpoint p ON p.origin = k.origin AND p.size = k.first_size
        WHERE k.vkey = $1`,
      [vkeyOf(next)],
    );
    expect(joined!.note.split('\n\n')[1]!.trim().split('\n')).toHaveLength(2);
  });

  it('of another instance leave this one aside: it says so once, locks nobody out, and calls it no failure', async () => {
    const said: string[] = [];
    const failures: unknown[] = [];
    const aside = ledger.sealer({
      signingKeys: [next],
      onOthersSeal: (message) => void said.push(message),
      onFailure: (failure) => void failures.push(failure),
    });
    await aside.sealOnce();
    await aside.sealOnce();
    await ledger.recordSessions(1);
    await ledger.sealer().sealOnce();
    expect((await ledger.published()).size).toBe(6);
    expect(said).toEqual([expect.stringMatching(/is sealed with other keys/)]);
    expect(failures).toEqual([]);
  });
});

function vkeyOf(pem: string): string {
  return SigningKey.fromPem(origin, pem).vkey;
}
