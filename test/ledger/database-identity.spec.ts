import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { HorizonFence, readHorizon } from '../../src/ledger/horizon.js';
import { addMicroseconds, type Instant } from '../../src/ledger/instant.js';
import { recogniseDatabase } from '../../src/ledger/database-identity.js';
import { KnownHorizon } from '../../src/ledger/known-horizon.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { advanceHorizon, openSession, recordSubject, superuserOf, writerOf } from './session-writer.js';

const options = { revokeLive: true, recordedBy: 'api-1' };

describe('a database that is not the one the ledger last saw', () => {
  let database: TestDatabase;
  let writer: DataSource;
  let superuser: DataSource;

  beforeEach(async () => {
    database = await createTestDatabase();
    writer = await writerOf(database);
    superuser = await superuserOf(database);
  });

  afterEach(async () => {
    await writer.destroy();
    await superuser.destroy();
    await database.drop();
  });

  /** What Postgres would say of itself after a restore into another cluster, or after a standby was promoted. */
  const becomeAnother = async (changes: Record<string, unknown>): Promise<void> => {
    await superuser.query(`
      ALTER FUNCTION session_ledger.database_identity() RENAME TO true_identity;
      CREATE FUNCTION session_ledger.database_identity() RETURNS jsonb LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $$ SELECT session_ledger.true_identity() || '${JSON.stringify(changes)}' $$;
      GRANT EXECUTE ON FUNCTION session_ledger.database_identity() TO session_ledger_writer`);
  };

  const eventsSince = async (seq: number): Promise<{ kind: string; reason: string; sessionId: string | null }[]> =>
    queryRows(superuser, {
      name: 'test_events_since',
      text: `SELECT kind, reason, session_id AS "sessionId" FROM session_ledger.event WHERE seq > $1 ORDER BY seq`,
      values: [seq],
    });

  const lastSeq = async (): Promise<number> => {
    const rows = await queryRows<{ seq: number }>(superuser, {
      name: 'test_last_seq',
      text: 'SELECT max(seq) AS seq FROM session_ledger.event',
      values: [],
    });
    return rows[0]!.seq;
  };

  it('is not what an ordinary start finds: nothing is recorded and nobody is logged out', async () => {
    const sessionId = await openSession(writer, await recordSubject(writer, 'alice'));
    const seq = await lastSeq();
    expect(await recogniseDatabase(writer, options)).toEqual({ changed: false, gapSeq: null, revoked: 0 });
    expect(await eventsSince(seq)).toEqual([]);
    expect(sessionId).toBeDefined();
  });

  it.each([
    ['restored', { systemIdentifier: '42' }],
    ['promoted', { timeline: 2 }],
  ])('leaves a gap and no live session when it was %s', async (cause, changes) => {
    const subjectId = await recordSubject(writer, 'alice');
    const live = [await openSession(writer, subjectId), await openSession(writer, subjectId)].sort();
    await superuser.query(
      `UPDATE session_ledger.session SET expires_at = created_at + interval '1 microsecond' WHERE session_id = $1`,
      [live[1]],
    );
    const horizon = await advanceHorizon(writer);
    const seq = await lastSeq();
    await becomeAnother(changes);
    const found = await recogniseDatabase(writer, options);
    expect(found).toEqual({ changed: true, gapSeq: seq + 1, revoked: 1 });
    const events = await eventsSince(seq);
    expect(events).toEqual(
      expect.arrayContaining([
        { kind: 'gap', reason: cause, sessionId: null },
        { kind: 'revoked', reason: 'restored', sessionId: live[0] },
        { kind: 'expired', reason: 'idle', sessionId: live[1] },
      ]),
    );
    expect(events).toHaveLength(3);
    const gap = await superuser.query('SELECT detail FROM session_ledger.event WHERE seq = $1', [found.gapSeq]);
    // What is dated at the horizon is settled, so the gap begins behind it.
    expect(gap[0].detail.from).toBe(addMicroseconds(horizon as Instant, 1n));
    expect(gap[0].detail).toMatchObject(changes);
    expect(await recogniseDatabase(writer, options)).toMatchObject({ changed: false });
  });

  it('is not one whose ledger was never started: that is refused, and ends no session', async () => {
    const sessionId = await openSession(writer, await recordSubject(writer, 'alice'));
    const seq = await lastSeq();
    await superuser.query('DELETE FROM session_ledger.horizon');
    for (let time = 1; time <= 2; time += 1) {
      await expect(recogniseDatabase(writer, options)).rejects.toMatchObject({
        code: 'ERR_DATABASE_BEHIND',
        message: expect.stringContaining('session-ledger migrate'),
      });
    }
    expect(await eventsSince(seq)).toEqual([]);
    expect(sessionId).toBeDefined();
  });

  it('has its horizon stand still until it is recognised, also when the fence alone is left', async () => {
    await openSession(writer, await recordSubject(writer, 'alice'));
    const before = await advanceHorizon(writer);
    await becomeAnother({ timeline: 2 });
    const fence = new HorizonFence({ url: database.url, role: 'writer', everyMs: 1, onFailure: () => undefined });
    fence.start();
    await untilTried(20);
    expect(await readHorizon(superuser)).toBe(before);

    const { gapSeq } = await recogniseDatabase(writer, options);

    while ((await readHorizon(superuser)) === before) await sleep(5);
    await fence.stop();
    const gap = await superuser.query('SELECT detail FROM session_ledger.event WHERE seq = $1', [gapSeq]);
    expect(gap[0].detail.from).toBe(addMicroseconds(before as Instant, 1n));
  });

  it('is recognised while the clock is held at the horizon', async () => {
    await superuser.query(
      `SELECT setval('session_ledger.clock_floor', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 900000)`,
    );
    await superuser.query(
      `UPDATE session_ledger.horizon SET settled_at = session_ledger.clock_floor() - interval '1 microsecond'`,
    );
    await becomeAnother({ timeline: 2 });
    expect(await recogniseDatabase(writer, options)).toMatchObject({ changed: true });
  });

  /** Waits until the fence has tried so many times to raise the horizon. */
  const untilTried = async (times: number): Promise<void> => {
    const seen = new Set<string>();
    while (seen.size < times) {
      const rows = await superuser.query(
        `SELECT query_start::text AS at FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%advance_horizon()%'`,
      );
      for (const { at } of rows) seen.add(at);
    }
  };

  it('is recorded once when many instances find out together', async () => {
    await openSession(writer, await recordSubject(writer, 'alice'));
    await becomeAnother({ timeline: 7 });
    const found = await Promise.all(Array.from({ length: 6 }, () => recogniseDatabase(writer, options)));
    expect(found.filter(({ changed }) => changed)).toHaveLength(1);
    expect(found.reduce((sum, { revoked }) => sum + revoked, 0)).toBe(1);
  });

  it('keeps its live sessions when the operator has said so', async () => {
    await openSession(writer, await recordSubject(writer, 'alice'));
    const seq = await lastSeq();
    await becomeAnother({ timeline: 2 });
    expect(await recogniseDatabase(writer, { ...options, revokeLive: false })).toMatchObject({
      changed: true,
      revoked: 0,
    });
    expect((await eventsSince(seq)).map(({ kind }) => kind)).toEqual(['gap']);
  });

  it('is an older copy of itself when its horizon is below one that was seen: the same gap, once for all who find out', async () => {
    const sessionId = await openSession(writer, await recordSubject(writer, 'alice'));
    const horizon = (await advanceHorizon(writer)) as Instant;
    const seq = await lastSeq();
    const known = new KnownHorizon(horizon);
    expect(await recogniseDatabase(writer, { ...options, known })).toMatchObject({ changed: false });
    const later = [1n, 2n, 3n].map((more) => new KnownHorizon(addMicroseconds(horizon, more)));
    const found = await Promise.all(later.map((known) => recogniseDatabase(writer, { ...options, known })));
    expect(found.filter(({ changed }) => changed)).toEqual([{ changed: true, gapSeq: seq + 1, revoked: 1 }]);
    expect(await eventsSince(seq)).toEqual([
      { kind: 'gap', reason: 'restored', sessionId: null },
      { kind: 'revoked', reason: 'restored', sessionId },
    ]);
    const gap = await superuser.query('SELECT detail FROM session_ledger.event WHERE seq = $1', [seq + 1]);
    expect(gap[0].detail.from).toBe(addMicroseconds(horizon, 1n));
  });

  it('is an older copy of itself also when an instance that had not seen more has raised its horizon in the meantime', async () => {
    const sessionId = await openSession(writer, await recordSubject(writer, 'alice'));
    const early = new KnownHorizon((await advanceHorizon(writer)) as Instant);
    const late = new KnownHorizon(addMicroseconds((await advanceHorizon(writer)) as Instant, 1n));
    // The copy, as a server finds it that was started on it: of the time when the first one looked.
    await superuser.query(`UPDATE session_ledger.horizon SET settled_at = $1`, [early.until]);
    await superuser.query('DELETE FROM session_ledger.server_run');
    const seq = await lastSeq();
    expect(await recogniseDatabase(writer, { ...options, known: early })).toMatchObject({ changed: false });
    early.saw((await advanceHorizon(writer)) as Instant);
    expect(await recogniseDatabase(writer, { ...options, known: early })).toMatchObject({ changed: false });
    expect(await recogniseDatabase(writer, { ...options, known: late })).toMatchObject({ changed: true, revoked: 1 });
    expect(await recogniseDatabase(writer, { ...options, known: late })).toMatchObject({ changed: false });
    expect(await recogniseDatabase(writer, { ...options, known: early })).toMatchObject({ changed: false });
    expect(await eventsSince(seq)).toEqual([
      { kind: 'gap', reason: 'restored', sessionId: null },
      { kind: 'revoked', reason: 'restored', sessionId },
    ]);
  });

  it('is recognised on a new connection before anybody uses it', async () => {
    await openSession(writer, await recordSubject(writer, 'alice'));
    await becomeAnother({ timeline: 2 });
    const seq = await lastSeq();
    const returning = await ledgerDataSource({
      url: database.url,
      role: 'writer',
      poolSize: 3,
      applicationName: 'test',
      onConnection: (client) => recogniseDatabase(client, options),
    }).initialize();
    expect((await eventsSince(seq)).map(({ kind }) => kind)).toEqual(['gap', 'revoked']);
    await returning.destroy();
  });
});
