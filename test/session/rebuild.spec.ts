import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { rebuildSessions } from '../../src/session/rebuild.js';
import type { OpenedSession } from '../../src/session/open.js';
import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

describe('rebuilding sessions from the ledger', () => {
  let ledger: SessionsLedger;
  let opened: OpenedSession[];

  beforeEach(async () => {
    ledger = await setUpSessions();
    const { sessions } = ledger;
    opened = [];
    for (let n = 0; n < 6; n += 1) {
      opened.push(
        await sessions.open({ userId: `user-${n}`, amr: ['pwd'], acr: 'aal1', client: { userAgent: 'agent' } }),
      );
    }
    const [used, passive, renewed, fresh, revoked] = opened.map(({ token }) => token) as [
      string,
      string,
      string,
      string,
      string,
    ];
    await sessions.use(used);
    await sessions.use(used);
    await sessions.use(passive, { passive: true });
    await sessions.use((await sessions.renew(renewed)).token);
    await sessions.renew(fresh, { amr: ['pwd', 'otp'] });
    await sessions.revokeToken(revoked, { reason: 'logout' });
    await sessions.open({ userId: 'user-5', actor: { userId: 'support-1' }, policy: { idleSeconds: 60 } });
  });

  afterEach(() => ledger.close());

  test('finds that every column of every session follows from its events', async () => {
    expect(await rebuildSessions(ledger.writer, { check: true })).toEqual({
      sessions: 7,
      differences: 0,
      first: [],
      repaired: 0,
    });
  });

  test('names each column that was changed behind the back of the ledger, and mends it', async () => {
    const columns: [string, string][] = [
      ['secret_digest', `sha256('stolen')`],
      ['expires_at', `expires_at + interval '1 day'`],
      ['absolute_expires_at', `absolute_expires_at + interval '1 day'`],
      ['amr', `'{hwk}'`],
      ['event_count', 'event_count + 1'],
      ['acr', 'NULL'],
      ['idle_seconds', 'NULL'],
      ['authenticated_at', `clock_timestamp()`],
      ['subject_id', 'gen_random_uuid()'],
    ];
    for (const [column, value] of columns) {
      const { sessionId } = opened[0]!.session;
      await ledger.superuser.query(`UPDATE session_ledger.session SET ${column} = ${value} WHERE session_id = $1`, [
        sessionId,
      ]);

      expect(await rebuildSessions(ledger.writer, { check: true })).toMatchObject({
        differences: 1,
        first: [{ sessionId, kind: 'differs', columns: [column] }],
      });
      expect(await rebuildSessions(ledger.superuser, { check: false })).toMatchObject({ differences: 1, repaired: 1 });
      expect(await rebuildSessions(ledger.writer, { check: true })).toMatchObject({ differences: 0 });
    }
    expect(await ledger.sessions.use(opened[0]!.token)).toMatchObject({ active: true });
  });

  test('brings back rows that were lost, ends a session that was revived, and removes one that was made up', async () => {
    const lost = opened[0]!;
    const revived = opened[4]!;
    await ledger.superuser.transaction(async (manager) => {
      await manager.query('DELETE FROM session_ledger.session WHERE session_id = $1', [lost.session.sessionId]);
      await manager.query('ALTER TABLE session_ledger.session DISABLE TRIGGER session_never_revived');
      await manager.query(
        'UPDATE session_ledger.session SET ended_at = NULL, end_reason = NULL WHERE session_id = $1',
        [revived.session.sessionId],
      );
      await manager.query('ALTER TABLE session_ledger.session ENABLE ALWAYS TRIGGER session_never_revived');
      await manager.query(
        `INSERT INTO session_ledger.session SELECT (jsonb_populate_record(s, '{"bucket": 43, "session_id": "0192f0c1-2345-7abc-8def-0123456789ab"}')).*
           FROM session_ledger.session s WHERE session_id = $1`,
        [opened[1]!.session.sessionId],
      );
    });

    const report = await rebuildSessions(ledger.superuser, { check: false });

    expect(report).toMatchObject({ differences: 3, repaired: 3 });
    expect(report.first.map(({ kind }) => kind).sort()).toEqual(['differs', 'missing', 'unrecorded']);
    expect(await ledger.sessions.use(lost.token)).toMatchObject({ active: true });
    expect(await ledger.sessions.use(revived.token)).toEqual({ active: false, why: 'ended' });
    expect(await rebuildSessions(ledger.writer, { check: true })).toMatchObject({ differences: 0 });
  });

  test('tells a history whose numbers have a gap, which no row can mend', async () => {
    const { sessionId } = opened[0]!.session;
    await ledger.superuser.query(
      `INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, recorded_by)
       SELECT 'used', bucket, session_id, 9, clock_timestamp(), expires_at, 1 FROM session_ledger.session WHERE session_id = $1`,
      [sessionId],
    );

    expect(await rebuildSessions(ledger.superuser, { check: false })).toMatchObject({
      differences: 1,
      first: [{ sessionId, kind: 'broken_sequence' }],
      repaired: 0,
    });
  });

  test('is refused to the writer, who may check but not mend', async () => {
    const writer = await ledgerDataSource({
      url: ledger.url,
      role: 'writer',
      poolSize: 1,
      applicationName: 'test',
    }).initialize();

    expect((await refusalOf(rebuildSessions(writer, { check: false }))).code).toBe('ERR_CONFIGURATION');
    await writer.destroy();
  });

  test('may be checked while sessions are opened, used and revoked', async () => {
    const over = new AbortController();
    const traffic = Promise.all(
      opened.slice(0, 2).map(async ({ token }, n) => {
        while (!over.signal.aborted) {
          await ledger.sessions.use(token);
          await ledger.sessions.open({
            userId: `user-${n}`,
            replaces: (await ledger.sessions.open({ userId: 'busy' })).token,
          });
        }
      }),
    );

    for (let round = 0; round < 5; round += 1) {
      expect(await rebuildSessions(ledger.writer, { check: true })).toMatchObject({ differences: 0, first: [] });
    }
    over.abort();
    await traffic;
  });
});
