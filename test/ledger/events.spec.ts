import type { DataSource } from 'typeorm';
import { commit, isCommitted } from '../../src/ledger/commitment.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { eventsInOrder, eventsOfSession, type PlaceInSession } from '../../src/ledger/read-events.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { forgetRecorders, recorderId } from '../../src/ledger/recorder.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { openSession, recordSubject, revokeSession, superuserOf, useSession, writerOf } from './session-writer.js';

describe('the events of a session', () => {
  let database: TestDatabase;
  let writer: DataSource;
  let superuser: DataSource;
  let sessionId: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    writer = await writerOf(database);
    superuser = await superuserOf(database);
    sessionId = await openSession(writer, await recordSubject(writer, 'alice'));
    for (let uses = 0; uses < 5; uses += 1) await useSession(writer, sessionId);
    await revokeSession(writer, sessionId);
  });

  afterAll(async () => {
    await writer.destroy();
    await superuser.destroy();
    await database.drop();
  });

  it('are read in the order of session_seq, with what their ids stand for', async () => {
    const events = await eventsOfSession(writer, sessionId, { limit: 100 });
    expect(events.map(({ sessionSeq, kind }) => [sessionSeq, kind])).toEqual([
      [1, 'created'],
      [2, 'used'],
      [3, 'used'],
      [4, 'used'],
      [5, 'used'],
      [6, 'used'],
      [7, 'revoked'],
    ]);
    expect(events[0]).toMatchObject({
      application: 'web',
      recordedBy: 'session-ledger migrate',
      actor: null,
      client: null,
      sealed: false,
    });
    expect(events[6]).toMatchObject({ reason: 'logout', expiresAt: null, sessionId });
    expect(Object.keys(events[0]!)).not.toContain('secretDigest');
  });

  it('are read page by page without losing or repeating one', async () => {
    const seen: number[] = [];
    let after: PlaceInSession | undefined;
    for (;;) {
      const page = await eventsOfSession(writer, sessionId, { limit: 3, ...(after === undefined ? {} : { after }) });
      seen.push(...page.map(({ sessionSeq }) => sessionSeq!));
      const last = page.at(-1);
      if (last === undefined) break;
      after = { occurredAt: last.occurredAt, sessionSeq: last.sessionSeq! };
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('are read as the ledger had them at an earlier instant', async () => {
    const all = await eventsOfSession(writer, sessionId, { limit: 100 });
    const known = await eventsOfSession(writer, sessionId, { limit: 100, knownAt: all[3]!.recordedAt });
    expect(known).toEqual(all.slice(0, 4));
  });

  it('are looked for in no partition from before the session was minted; in all for an id that the ledger never minted', async () => {
    await superuser.query(
      `SET timezone = 'UTC'; SELECT session_ledger.create_partition_table('event_2020_01'),
         session_ledger.attach_partition('event_2020_01', '2020-01-01Z', '2020-02-01Z'); RESET timezone`,
    );
    const one = await ledgerDataSource({
      url: database.url,
      role: 'reader',
      poolSize: 1,
      applicationName: 'test',
    }).initialize();
    const partitionsFor = async (id: string): Promise<boolean> => {
      await eventsOfSession(one, id, { limit: 10 });
      await one.query('SET plan_cache_mode = force_generic_plan');
      const plan = await one.query<{ 'QUERY PLAN': string }[]>(
        `EXPLAIN (ANALYZE, COSTS OFF) EXECUTE events_of_session('${id}', NULL, NULL, NULL, 10)`,
      );
      return plan.some((line) => line['QUERY PLAN'].includes('event_2020_01'));
    };

    expect([await partitionsFor(sessionId), await partitionsFor('0192f0c1-2345-4abc-8def-0123456789ab')]).toEqual([
      false,
      true,
    ]);
    await one.destroy();
  });

  it('agree with the time in the id about when it can first have been recorded', async () => {
    const births = [
      ['019cb6a3-f000-7abc-8def-0123456789ab', '2026-03-03 02:18:43.072+00'],
      ['00000000-0000-7000-8000-000000000000', '1969-12-31 00:00:00+00'],
      ['ffffffff-ffff-4fff-bfff-ffffffffffff', '-infinity'],
    ];
    for (const [id, birth] of births) {
      const statement = {
        name: 'test_birth',
        text: 'SELECT session_ledger.before_birth_of($1)::text AS birth',
        values: [id],
      };
      expect(await queryRows(superuser, statement)).toEqual([{ birth }]);
    }
  });

  it('show address and agent of the client that used it, without a netmask', async () => {
    await superuser.query(
      `INSERT INTO session_ledger.client (bucket, client_id, session_id, subject_id, ip, user_agent, salt, commitment)
       SELECT bucket, 7, session_id, subject_id, '2001:db8::1', 'Firefox', NULL, $2 FROM session_ledger.session WHERE session_id = $1`,
      [sessionId, Buffer.alloc(32)],
    );
    const other = await openSession(writer, await recordSubject(writer, 'bob'));
    await superuser.query(
      `INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, client_id, recorded_by)
       SELECT 'used', bucket, session_id, 2, session_ledger.ledger_clock(), expires_at, 7, 999 FROM session_ledger.session WHERE session_id = $1`,
      [other],
    );
    await superuser.query(
      `UPDATE session_ledger.client SET bucket = (SELECT bucket FROM session_ledger.session WHERE session_id = $1)`,
      [other],
    );
    const used = (await eventsOfSession(writer, other, { limit: 10 }))[1];
    expect(used).toMatchObject({ client: { ip: '2001:db8::1', userAgent: 'Firefox' }, recordedBy: '999' });
  });

  it('stand among all others in the order of the ledger', async () => {
    const events = await eventsInOrder(writer, 1, 1_000);
    expect(events.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq).sort((a, b) => a - b));
    expect(events.slice(0, 3).map(({ kind }) => kind)).toEqual([
      'ledger_started',
      'policy_set',
      'application_recorded',
    ]);
    expect(await eventsInOrder(writer, events[1]!.seq, events[2]!.seq)).toEqual(events.slice(1, 3));
  });
});

describe('a recorder', () => {
  let database: TestDatabase;
  let writer: DataSource;

  beforeAll(async () => {
    database = await createTestDatabase();
    writer = await writerOf(database);
  });

  afterAll(async () => {
    await writer.destroy();
    await database.drop();
  });

  it('has one id, however many instances name it at once', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => recorderId(writer, 'api-1/till-7')));
    expect(new Set(ids).size).toBe(1);
    forgetRecorders(writer);
    expect(await recorderId(writer, 'api-1/till-7')).toBe(ids[0]);
    expect(await recorderId(writer, 'api-2/till-7')).not.toBe(ids[0]);
    const rows = await queryRows(writer, {
      name: 'test_recorders',
      text: `SELECT count(*) FROM session_ledger.recorder WHERE name = 'api-1/till-7'`,
      values: [],
    });
    expect(rows).toEqual([{ count: 1 }]);
  });
});

describe('a commitment', () => {
  it('opens for its value alone, and never looks the same twice', () => {
    const value = { ip: '203.0.113.7', userAgent: null };
    const one = commit(value);
    const other = commit(value);
    expect(one.salt).toHaveLength(16);
    expect(one.commitment).toHaveLength(32);
    expect(one.commitment.equals(other.commitment)).toBe(false);
    expect(isCommitted({ userAgent: null, ip: '203.0.113.7' }, one)).toBe(true);
    expect(isCommitted({ ...value, ip: '203.0.113.8' }, one)).toBe(false);
    expect(isCommitted(value, { ...one, salt: other.salt })).toBe(false);
  });

  it('is what anyone computes from the salt and RFC 8785', () => {
    // { head -c16 /dev/zero; printf '{"realm":"default","userId":"alice"}'; } | sha256sum
    const commitment = Buffer.from('8726ea11b8bc1d6c62152ed6f6b79a7245893ad8954f691f44b50c2ff3ef8d60', 'hex');
    expect(isCommitted({ userId: 'alice', realm: 'default' }, { salt: Buffer.alloc(16), commitment })).toBe(true);
  });
});
