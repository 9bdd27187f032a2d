import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { GrowingTree } from '../../src/seal/growing-tree.js';
import { sealWhatIsComplete } from '../../src/seal/grown-stretch.js';
import { leafHashes, merkleRoot } from '../../src/seal/merkle.js';
import { RecentLeaves } from '../../src/seal/recent-leaves.js';
import { newestHead, storedTiles } from '../../src/seal/tree-store.js';
import { openSession, recordSubject, useSession } from '../ledger/session-writer.js';
import { changeAsOwner, publishedLeaves, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';

describe('the sealer', () => {
  let ledger: SealedLedger;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
  });
  afterEach(async () => ledger.close());

  it('seals every event in the order of seq, and publishes a checkpoint whose tree the published entries make up', async () => {
    await ledger.recordSessions(100);
    await ledger.sealer().sealOnce();
    const seqs = await ledger.rows<{ seq: string }>('SELECT seq FROM session_ledger.event ORDER BY seq');
    const leaves = await publishedLeaves(ledger);
    expect(leaves.map((leaf) => (JSON.parse(leaf.toString()) as { seq: string }).seq)).toEqual(
      seqs.map(({ seq }) => seq),
    );
    expect(await ledger.published()).toMatchObject({ size: seqs.length, root: merkleRoot(leafHashes(leaves)) });
  });

  it('extends the tree seal by seal, and leaves no partial tile behind once the tile is full', async () => {
    const sealer = ledger.sealer();
    for (let round = 0; round < 4; round += 1) {
      await ledger.recordSessions(30);
      await sealer.sealOnce();
    }
    const leaves = await publishedLeaves(ledger);
    expect((await ledger.published()).root).toEqual(merkleRoot(leafHashes(leaves)));
    expect(await readdir(join(ledger.directory, 'tile', 'entries'))).toEqual(['000', '001.p']);
    expect(await readdir(join(ledger.directory, 'tile', '0'))).toEqual(['000', '001.p']);
  });

  it('misses no event of writers that pause, roll back and commit out of order', async () => {
    const sealer = ledger.sealer({ everyMs: 5 });
    sealer.start();
    await Promise.all(Array.from({ length: 8 }, (_, writer) => writeUnevenly(ledger, writer)));
    await sealer.stop();
    await ledger.sealer().sealOnce();
    const [counted] = await ledger.rows<{ events: number; ranked: number }>(missedSql);
    expect(counted).toEqual({ events: (await ledger.published()).size, ranked: (await ledger.published()).size });
  });

  it('lets one of two sealers work, and the other take over when it stops', async () => {
    const [first, second] = [ledger.sealer(), ledger.sealer()];
    await first.sealOnce();
    await ledger.recordSessions(2);
    await second.sealOnce();
    const sealedByFirst = (await ledger.published()).size;
    await first.stop();
    await second.sealOnce();
    expect((await ledger.published()).size).toBe(sealedByFirst + 7);
  });

  it('refuses a second head on the same one, even from a sealer that believes to be alone', async () => {
    await ledger.sealer().sealOnce();
    const second = `INSERT INTO session_ledger.tree_head (size, prev_size, root, last_seq) SELECT size + 1, prev_size, root, last_seq FROM session_ledger.tree_head`;
    await expect(ledger.rows(second)).rejects.toMatchObject({ code: '23505' });
  });

  it('gives up, and goes on from what it finds, when a second sealer without the lock has built on the same head', async () => {
    const sealer = ledger.sealer();
    await sealer.sealOnce();
    await ledger.recordSessions(1);
    const rival = new pg.Client(ledger.database.url);
    await rival.connect();
    const head = await newestHead(rival);
    const tree = await GrowingTree.resume(head.size, storedTiles(rival));
    await sealWhatIsComplete(
      rival,
      { head, tree, recent: new RecentLeaves() },
      new AbortController().signal,
      () => undefined,
    );
    await rival.end();
    await ledger.recordSessions(1);

    await expect(sealer.sealOnce()).rejects.toMatchObject({ code: '23505' });
    await sealer.sealOnce();
    const leaves = await publishedLeaves(ledger);
    expect(await ledger.published()).toMatchObject({ size: 9, root: merkleRoot(leafHashes(leaves)) });
  });

  it('publishes what a sealer committed and did not sign', async () => {
    await ledger.recordSessions(3);
    const sealer = ledger.sealer();
    await sealer.sealOnce();
    await sealer.stop();
    await changeAsOwner(ledger, 'published_checkpoint', 'DELETE FROM session_ledger.published_checkpoint');
    await rm(join(ledger.directory, 'checkpoint'));
    await ledger.sealer().sealOnce();
    expect((await ledger.published()).root).toEqual(merkleRoot(leafHashes(await publishedLeaves(ledger))));
  });

  it('refuses a database that is behind its published checkpoint, and says how to open a new origin', async () => {
    await ledger.recordSessions(2);
    await sealAndStop(ledger);
    const older = await setUpSealedLedger();
    const sealer = older.sealer({ directory: ledger.directory, signingKeys: [ledger.signingKey] });
    await expect(sealer.sealOnce()).rejects.toMatchObject({
      code: 'ERR_EVIDENCE_REJECTED',
      message: expect.stringMatching(/refusing to seal: the database has 0 sealed events.*SESSION_LEDGER_ORIGIN/),
    });
    await older.close();
  });

  it('refuses a database whose sealed events are not those published, however many it has', async () => {
    await sealAndStop(ledger);
    const other = await setUpSealedLedger();
    await other.recordSessions(9);
    await sealAndStop(other, { signingKeys: [ledger.signingKey] });
    const sealer = other.sealer({ directory: ledger.directory, signingKeys: [ledger.signingKey] });
    await expect(sealer.sealOnce()).rejects.toThrow(/are not those published/);
    await other.close();
  });

  it('seals what stands before an event that no leaf can hold, names it, and ends no process over it', async () => {
    const unheard: unknown[] = [];
    const hear = (failure: unknown): void => void unheard.push(failure);
    process.on('unhandledRejection', hear);
    await ledger.rows('ALTER TABLE session_ledger.event DROP CONSTRAINT event_fits_a_leaf');
    await insertEvents(10_000);
    await ledger.rows(
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by, detail) VALUES ('noted', 0, clock_timestamp(), 1, $1)`,
      [JSON.stringify({ text: 'x'.repeat(70_000) })],
    );
    await insertEvents(10_000);
    await expect(ledger.sealer().sealOnce()).rejects.toMatchObject({
      code: 'ERR_EVIDENCE_MALFORMED',
      message: expect.stringMatching(/^event 10003 can be no leaf/),
    });
    expect(await ledger.rows('SELECT max(last_seq)::int AS sealed FROM session_ledger.tree_head')).toEqual([
      { sealed: 10_002 },
    ]);
    await new Promise(setImmediate);
    process.off('unhandledRejection', hear);
    expect(unheard).toEqual([]);
  });

  async function insertEvents(count: number): Promise<void> {
    await ledger.rows(
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by)
       SELECT 'noted', 0, clock_timestamp(), 1 FROM generate_series(1, $1)`,
      [count],
    );
  }

  it.each(['tree_head', 'seal_run', 'tile', 'seal_key', 'published_checkpoint', 'event'])(
    'acts as a role that cannot change or remove a row of %s',
    async (table) => {
      await sealAndStop(ledger);
      const client = new pg.Client(ledger.database.url);
      await client.connect();
      await client.query('SET ROLE session_ledger_sealer');
      for (const statement of [`DELETE FROM session_ledger.${table}`, `TRUNCATE session_ledger.${table} CASCADE`])
        await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
      await client.end();
      await expect(ledger.rows(`DELETE FROM session_ledger.${table}`)).rejects.toMatchObject({ code: '42501' });
    },
  );
});

const missedSql = `
SELECT count(*)::int AS events, count(*) FILTER (WHERE r.leaf_first + e.seq - r.seq_first = e.place)::int AS ranked
  FROM (SELECT seq, row_number() OVER (ORDER BY seq) - 1 AS place FROM session_ledger.event) e
  JOIN session_ledger.seal_run r ON e.seq BETWEEN r.seq_first AND r.seq_last`;

async function writeUnevenly(ledger: SealedLedger, writer: number): Promise<void> {
  const subjectId = await recordSubject(ledger.writer, `busy-${writer}`);
  const client = new pg.Client(ledger.database.url);
  await client.connect();
  for (let at = 0; at < 40; at += 1) {
    await client.query('BEGIN');
    const sessionId = await openSession(client, subjectId);
    await sleep(Math.random() * 8);
    await useSession(client, sessionId);
    await client.query((at + writer) % 5 === 0 ? 'ROLLBACK' : 'COMMIT');
  }
  await client.end();
}
