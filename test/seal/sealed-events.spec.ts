import { readEventColumns } from '../../src/ledger/read-event-columns.js';
import { leafHash } from '../../src/seal/merkle.js';
import { parseVerifierKey } from '../../src/seal/note-key.js';
import { proofOfEvent } from '../../src/seal/proof-of-event.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { sealedLeaves } from '../../src/seal/sealed-leaves.js';
import { verifyTlogProof } from '../../src/seal/tlog-proof.js';
import {
  changeAsOwner,
  withoutChecks,
  origin,
  sealAndStop,
  setUpSealedLedger,
  type SealedLedger,
} from './sealed-ledger.js';

describe('sealed events', () => {
  let ledger: SealedLedger;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    await ledger.recordSessions(5);
    await sealAndStop(ledger);
  });
  afterEach(async () => ledger.close());

  it('say every column of their rows, so that a column of tomorrow cannot go unsealed without a word', async () => {
    const [row] = await readEventColumns(ledger.superuser, 4, 4);
    const columns = await ledger.rows<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'session_ledger.event'::regclass AND attnum > 0 AND NOT attisdropped`,
    );
    const inLeaf = Object.keys(row!).map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
    expect(inLeaf.sort()).toEqual(columns.map(({ name }) => name).sort());
  });

  it('are proven in whichever month they were recorded, however much later they were sealed', async () => {
    const logKeys = [parseVerifierKey(SigningKey.fromPem(origin, ledger.signingKey).vkey)];
    for (const sealedAt of [
      `sealed_at`,
      `sealed_at + interval '1 year'`,
      `sealed_at - interval '1 year'`,
      `'infinity'`,
    ]) {
      await changeAsOwner(ledger, 'tree_head', `UPDATE session_ledger.tree_head SET sealed_at = ${sealedAt}`);
      const { index, leaf, proof } = await proofOfEvent(ledger.superuser, 6);
      expect(verifyTlogProof(proof, leafHash(Buffer.from(leaf)), { origin, logKeys }).index).toBe(index);
    }
  });

  it('are not proven once they were changed', async () => {
    await changeAsOwner(ledger, 'event', `UPDATE session_ledger.event SET recorded_by = 2 WHERE seq = 6`);
    await expect(proofOfEvent(ledger.superuser, 6)).rejects.toMatchObject({
      code: 'ERR_EVIDENCE_REJECTED',
      message: expect.stringMatching(/event 6 is not what was sealed/) as string,
    });
  });

  it.each([
    ['deleted', `DELETE FROM session_ledger.event WHERE seq = 6`, /event 6 was sealed and is no longer in the ledger/],
    [
      'inserted twice',
      `INSERT INTO session_ledger.event (seq, kind, bucket, occurred_at, recorded_by, detail) VALUES (6, 'policy_set', 0, now(), 1, '{"absoluteSeconds": 60}')`,
      /event 6 stands in the ledger more than once/,
    ],
    [
      'made infinite',
      `UPDATE session_ledger.event SET absolute_expires_at = 'infinity' WHERE seq = 6`,
      /event 6 holds what no event does/,
    ],
  ])('are neither proven nor published once they were %s', async (_, statement, why) => {
    await changeAsOwner(ledger, 'event', withoutChecks, statement);
    const rejected = { code: 'ERR_EVIDENCE_REJECTED', message: expect.stringMatching(why) as string };
    await expect(proofOfEvent(ledger.superuser, 6)).rejects.toMatchObject(rejected);
    await expect(sealedLeaves(ledger.superuser, 0, 10)).rejects.toMatchObject(rejected);
  });
});
