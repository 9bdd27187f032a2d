import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Auditor, type AuditorOptions, type AuditPosition, type AuditTrust } from '../../src/seal/auditor.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { changeAsOwner, origin, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';

describe('the auditor', () => {
  let ledger: SealedLedger;
  let alarms: string[];
  let late: string[];

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    alarms = [];
    late = [];
  });
  afterEach(async () => ledger.close());

  it('goes over everything that is sealed, and says how far it has come', async () => {
    const auditor = auditorOf();
    await auditor.auditOnce();
    expect(auditor.position).toEqual({ leaves: 0, size: 0, rounds: 0 });
    await ledger.recordSessions(20);
    await sealAndStop(ledger);
    await auditor.auditOnce();
    expect(auditor.position).toEqual({ leaves: 63, size: 63, rounds: 1 });
    await ledger.recordSessions(100);
    await sealAndStop(ledger);
    await auditor.auditOnce();
    expect(auditor.position).toEqual({ leaves: 363, size: 363, rounds: 2 });
    expect(alarms).toEqual([]);
  });

  it('raises an alarm for a sealed event that was changed, or removed, though nobody asked about it', async () => {
    await ledger.recordSessions(20);
    await sealAndStop(ledger);
    await changeAsOwner(
      ledger,
      'event',
      'UPDATE session_ledger.event SET recorded_by = 2 WHERE seq = 30',
      'DELETE FROM session_ledger.event WHERE seq = 40',
    );
    await auditorOf().auditOnce();
    expect(alarms).toEqual([
      expect.stringMatching(/^leaf 29 is not what was sealed there: event 30/),
      expect.stringMatching(/^leaf 39 is missing/),
    ]);
  });

  it.each([
    ['a hash of a leaf', 'level = 0 AND n = 0'],
    ['a hash of a tile', 'level = 1 AND n = 0'],
  ])('raises an alarm for %s that was changed', async (_, where) => {
    await ledger.recordSessions(100);
    await sealAndStop(ledger);
    await changeAsOwner(
      ledger,
      'tile',
      `UPDATE session_ledger.tile SET hashes = set_byte(hashes, 9, get_byte(hashes, 9) # 1) WHERE ${where}`,
    );
    await auditorOf().auditOnce();
    expect(alarms.length).toBeGreaterThan(0);
  });

  it('is not convinced by a ledger that was rewritten as a whole and signed with another key, or with its own', async () => {
    await ledger.recordSessions(20);
    await sealAndStop(ledger);
    const kept = await readFile(join(ledger.directory, 'checkpoint'), 'utf8');
    await changeAsOwner(ledger, 'event', `UPDATE session_ledger.event SET reason = 'risk' WHERE kind = 'revoked'`);
    const unseal = async (): Promise<void> => {
      for (const table of ['published_checkpoint', 'seal_run', 'tile', 'tree_head', 'seal_key'])
        await changeAsOwner(ledger, table, `DELETE FROM session_ledger.${table}`);
    };
    await unseal();
    await sealAndStop(ledger, { signingKeys: [SigningKey.generate(origin).toPem()], directory: undefined });
    await auditorOf().auditOnce();
    expect(alarms).toContainEqual(expect.stringMatching(/is not signed by a key to be believed/));

    alarms = [];
    await unseal();
    await sealAndStop(ledger, { directory: undefined });
    await auditorOf({ keptCheckpoints: [kept] }).auditOnce();
    expect(alarms).toEqual([expect.stringMatching(/do not add up to the root that was signed over them/)]);
  });

  it('convicts a ledger that went back behind a checkpoint that lies outside', async () => {
    await sealAndStop(ledger);
    const other = await setUpSealedLedger();
    await other.recordSessions(20);
    await sealAndStop(other, { signingKeys: [ledger.signingKey] });
    const kept = await readFile(join(other.directory, 'checkpoint'), 'utf8');
    await other.close();
    await auditorOf({ keptCheckpoints: [kept] }).auditOnce();
    expect(alarms).toEqual([expect.stringMatching(/has 2 sealed events, and a checkpoint over 63 was published/)]);
  });

  it('tells of an event that came late, below sealed ones: soon after by a look at the newest, and in every round', async () => {
    const auditor = auditorOf();
    await auditor.lookAtTheNewest();
    await ledger.superuser.query(`SELECT nextval('session_ledger.event_seq_seq')`);
    await ledger.recordSessions(1);
    await sealAndStop(ledger);
    await auditor.lookAtTheNewest();
    await ledger.rows(
      `INSERT INTO session_ledger.event (seq, kind, bucket, occurred_at, recorded_by, detail) VALUES (3, 'policy_set', 0, now(), 1, '{"absoluteSeconds": 60}')`,
    );
    await auditor.lookAtTheNewest();
    expect(late).toEqual(['3']);
    await auditor.auditOnce();
    expect(late).toEqual(['3', '3']);
    expect(alarms).toContainEqual(expect.stringMatching(/^event 3 stands among sealed events and was never sealed/));
  });

  it('keeps its position, with which another process goes on', async () => {
    await ledger.recordSessions(20);
    await sealAndStop(ledger);
    await changeAsOwner(ledger, 'event', 'UPDATE session_ledger.event SET recorded_by = 2 WHERE seq IN (10, 50)');
    const positions: AuditPosition[] = [];
    const auditor = auditorOf(
      {},
      { resumeAt: { leaves: 30, size: 63, rounds: 7 }, onPosition: (position) => void positions.push(position) },
    );
    await auditor.auditOnce();
    expect(positions.at(-1)).toEqual({ leaves: 63, size: 63, rounds: 8 });
    expect(alarms).toEqual([expect.stringMatching(/^leaf 49 is not/)]);
    await auditor.auditOnce();
    expect(alarms).toContainEqual(expect.stringMatching(/^leaf 9 is not/));
  });

  it('reads no faster than its rate, and stops in the middle of a round', async () => {
    await ledger.rows(
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by)
       SELECT 'noted', 0, clock_timestamp(), 1 FROM generate_series(1, 9000)`,
    );
    await sealAndStop(ledger);
    const begun = performance.now();
    await auditorOf({}, { eventsPerSecond: 9_000 }).auditOnce();
    expect(performance.now() - begun).toBeGreaterThan(990);
    const slow = auditorOf({}, { eventsPerSecond: 0.1 });
    slow.start();
    await slow.stop();
    expect(slow.position.rounds).toBe(0);
  });

  function auditorOf(trust: Partial<AuditTrust> = {}, options: Partial<AuditorOptions> = {}): Auditor {
    const keys = [SigningKey.fromPem(origin, ledger.signingKey).vkey];
    return new Auditor(ledger.superuser, {
      eventsPerSecond: 100_000,
      trust: () => Promise.resolve({ keys, keptCheckpoints: [], ...trust }),
      onFault: (faults) => void alarms.push(...faults),
      onLateRows: (seqs) => void late.push(...seqs),
      onFailure: (failure) => {
        throw failure;
      },
      ...options,
    });
  }
});
