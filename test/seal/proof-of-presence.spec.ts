import { parseInstant } from '../../src/ledger/instant.js';
import { proofOfAnswer } from '../../src/seal/proof-of-answer.js';
import { mostLeaves } from '../../src/seal/proof-of-range.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyEvidence } from '../../src/seal/verify-evidence.js';
import type { EvidenceFile } from '../../src/seal/verify-evidence-file.js';
import { advanceHorizon, openSession, recordSubject, useSession } from '../ledger/session-writer.js';
import { origin, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';

describe('the proof of a yes in which nothing came next', () => {
  let ledger: SealedLedger;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
  });
  afterEach(async () => ledger.close());

  it('is made of all events up to the instant, and refused where they are more than a file takes, until something comes next', async () => {
    const opened = await openSession(ledger.writer, await recordSubject(ledger.writer, 'alice'));
    const evidence = await ledger.rows<{ seq: number; kind: string }>(
      `SELECT seq::int, kind FROM session_ledger.event WHERE session_id = $1`,
      [opened],
    );
    const early = await settledInstant();
    expect(await proven(early, evidence)).toMatchObject({
      answer: { answer: 'logged_in' },
      range: { leaves: [expect.anything(), expect.anything()] },
    });

    await ledger.rows(
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by)
       SELECT 'noted', 0, clock_timestamp(), 1 FROM generate_series(1, $1::int)`,
      [mostLeaves],
    );
    const late = await settledInstant();
    await expect(proven(late, evidence)).rejects.toMatchObject({ code: 'ERR_REPORT_TOO_LARGE' });

    await useSession(ledger.writer, opened);
    await sealAndStop(ledger);
    expect(await proven(late, evidence)).toMatchObject({ answer: { answer: 'logged_in' }, range: null });
  });

  /** A file is made of the sealed events that are there by then; what says how far it is settled is recorded by the first who asks. */
  async function proven(at: string, evidence: readonly { seq: number; kind: string }[]): Promise<EvidenceFile> {
    const answer = {
      userId: 'alice',
      realm: 'default',
      at: parseInstant(at),
      answer: 'logged_in',
      reason: null,
      settled: true,
      applications: [{ name: 'web' }],
      evidence,
    } as const;
    const asked = proofOfAnswer(ledger.writer, answer, 'test');
    const file = await asked.catch(async (failure: unknown) => {
      if ((failure as { code?: string }).code !== 'ERR_NOT_SETTLED') throw failure;
      await sealAndStop(ledger);
      return proofOfAnswer(ledger.writer, answer, 'test');
    });
    const keys = [SigningKey.fromPem(origin, ledger.signingKey).vkey];
    expect(verifyEvidence(file, { keys })).toMatchObject({ holds: true, faults: [] });
    return file;
  }

  async function settledInstant(): Promise<string> {
    await sealAndStop(ledger);
    const [row] = await ledger.rows<{ now: string }>(`SELECT session_ledger.rfc3339(clock_timestamp()) AS now`);
    for (let horizon = ''; horizon < row!.now;) horizon = (await advanceHorizon(ledger.superuser)) ?? '';
    return row!.now;
  }
});
