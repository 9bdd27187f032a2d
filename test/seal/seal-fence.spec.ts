import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { migrate } from '../../src/ledger/migrate.js';
import { completeUpTo } from '../../src/seal/seal-fence.js';
import { OwnServer } from '../bad-days/own-server.js';
import { openSession, recordSubject } from '../ledger/session-writer.js';
import { setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';
import { until } from './until.js';

const insert = `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by) VALUES ('noted', 0, clock_timestamp(), 1)`;

describe('the fence before a seal', () => {
  let ledger: SealedLedger;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
  });
  afterEach(async () => ledger.close());

  it('waits for a writer that has drawn a number, and not for a transaction that writes elsewhere', async () => {
    const [writing, elsewhere] = [new pg.Client(ledger.database.url), new pg.Client(ledger.database.url)];
    await Promise.all([writing.connect(), elsewhere.connect()]);
    await elsewhere.query('BEGIN; CREATE TABLE elsewhere (a int); INSERT INTO elsewhere VALUES (1)');
    await ledger.recordSessions(1);
    const sealer = ledger.sealer();
    await sealer.sealOnce();
    const before = (await ledger.published()).size;
    const subjectId = await recordSubject(ledger.writer, 'open');
    await writing.query('BEGIN');
    await openSession(writing, subjectId);
    await openSession(ledger.writer, await recordSubject(ledger.writer, 'other'));
    const sealing = sealer.sealOnce();
    await sleep(150);
    expect((await ledger.published()).size).toBe(before);
    await writing.query('COMMIT');
    await sealing;
    expect((await ledger.published()).size).toBe(before + 2);
    await Promise.all([writing.end(), elsewhere.end()]);
  });

  it('refuses a sequence that hands out numbers in advance, and says how to change it back', async () => {
    await ledger.rows('ALTER SEQUENCE session_ledger.event_seq_seq CACHE 20');
    await expect(ledger.sealer().sealOnce()).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION',
      message: expect.stringMatching(/ALTER SEQUENCE session_ledger.event_seq_seq CACHE 1/),
    });
    await ledger.rows('ALTER SEQUENCE session_ledger.event_seq_seq CACHE 1');
    await ledger.sealer().sealOnce();
  });
});

describe('the fence before a seal, where transactions can be prepared', () => {
  it('waits for a writer that prepares its transaction meanwhile, though no process holds it any more', async () => {
    const server = await OwnServer.start({ settings: { max_prepared_transactions: '4' } });
    await migrate({ url: server.url });
    const [writing, sealing] = [new pg.Client(server.url), new pg.Client(server.url)];
    await Promise.all([writing.connect(), sealing.connect()]);
    await server.query(insert);
    await writing.query('BEGIN');
    await writing.query(insert);
    let complete: number | undefined;
    const waiting = completeUpTo(sealing, 0, new AbortController().signal).then((seq) => (complete = seq));
    await until(async () => (await server.query(fencePollingSql)).length > 0);
    await writing.query(`PREPARE TRANSACTION 'later'`);
    await sleep(300);
    expect(complete).toBeUndefined();
    await writing.query(`COMMIT PREPARED 'later'`);
    expect(await waiting).toBe(3);
    await Promise.all([writing.end(), sealing.end()]);
    await server.remove();
  }, 60_000);
});

const fencePollingSql = `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%AS writer%ANY ($1)%' AND pid <> pg_backend_pid()`;
