import { setTimeout as sleep } from 'node:timers/promises';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { LoginHistory } from '../../src/query/login-history.js';
import { PruningJob, pruneEnded } from '../../src/session/pruning-job.js';
import { rebuildSessions } from '../../src/session/rebuild.js';
import { bucketOf, mintToken } from '../../src/token/session-token.js';
import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

const dayMs = 86_400_000;

interface LongAgo {
  readonly token: string;
  readonly sessionId: string;
  readonly usedAt: string;
}

describe('the row of a session that ended long ago', () => {
  let ledger: SessionsLedger;

  beforeEach(async () => {
    ledger = await setUpSessions();
    await ledger.sessions.start();
  });

  afterEach(() => ledger.close());

  /** A session that was revoked so many days ago, an hour after it was opened, by SQL: nobody can wait for a month. */
  async function endedAgo(userId: string, days: number): Promise<LongAgo> {
    await ledger.sessions.open({ userId });
    const [subject] = await ledger.rows<{ id: string; nowMs: number }>(
      `SELECT subject_id AS id, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS "nowMs" FROM session_ledger.subject WHERE user_id = $1`,
      [userId],
    );
    const minted = mintToken(bucketOf(subject!.id), subject!.nowMs - days * dayMs - 3_600_000);
    const [row] = await ledger.rows<{ usedAt: string }>(endedAgoSql, [
      minted.sessionId,
      minted.secretDigest,
      subject!.id,
      days,
    ]);
    return { token: minted.token, sessionId: minted.sessionId, usedAt: row!.usedAt };
  }

  const rowsLeft = async (): Promise<string[]> =>
    (
      await ledger.rows<{ id: string }>(
        `SELECT session_id AS id FROM session_ledger.session WHERE ended_at IS NOT NULL`,
      )
    ).map(({ id }) => id);

  test('is removed 30 days after its end, and not before', async () => {
    await endedAgo('alice', 31);
    await endedAgo('bob', 30.01);
    const kept = await endedAgo('carol', 29.9);

    expect(await pruneEnded(ledger.writer)).toBe(2);
    expect(await pruneEnded(ledger.writer)).toBe(0);
    expect(await rowsLeft()).toEqual([kept.sessionId]);
  });

  test('promise 12, nothing disappears silently: answers, events and the comparison with the ledger are what they were', async () => {
    await ledger.rows(recordedLongAgoSql);
    const { sessionId, usedAt } = await endedAgo('alice', 40);
    const reader = await ledgerDataSource({
      url: ledger.url,
      role: 'reader',
      poolSize: 2,
      applicationName: 'test',
    }).initialize();
    const history = new LoginHistory(reader);
    const asked = async (): Promise<unknown> => ({
      state: await history.loginStateAt({ userId: 'alice', at: usedAt }, { askedBy: 'test' }),
      events: await ledger.eventsOf(sessionId),
    });
    const before = await asked();

    expect(await pruneEnded(ledger.writer)).toBe(1);

    expect(await asked()).toEqual(before);
    expect(before).toMatchObject({ state: { answer: 'logged_in', sessions: [{ sessionId }] }, events: [{}, {}, {}] });
    expect(await rebuildSessions(ledger.writer, { check: true })).toMatchObject({ differences: 0, first: [] });
    expect(await rebuildSessions(ledger.superuser, { check: false })).toMatchObject({ differences: 0, repaired: 0 });
    expect(await rowsLeft()).toEqual([]);
    await reader.destroy();
  });

  test('is not missed: its session is known and ended, its token is not live', async () => {
    const { token, sessionId } = await endedAgo('alice', 40);
    await pruneEnded(ledger.writer);

    expect(await ledger.sessions.revoke(sessionId, { reason: 'admin', actor: { userId: 'operator-7' } })).toEqual({
      revoked: 0,
    });
    expect(await ledger.sessions.revoke(sessionId, { reason: 'admin' })).toEqual({ revoked: 0 });
    expect(await ledger.sessions.revokeToken(token, { reason: 'logout' })).toEqual({ revoked: 0 });
    expect(await ledger.sessions.use(token)).toEqual({ active: false, why: 'unknown' });
    expect((await refusalOf(ledger.sessions.renew(token))).code).toBe('ERR_SESSION_NOT_LIVE');
    expect(await ledger.eventsOf(sessionId)).toHaveLength(3);
  });

  test('is passed over while somebody holds it, and removed so many at a time, the longest ended first', async () => {
    await endedAgo('a', 50);
    const [second, third] = [await endedAgo('b', 45), await endedAgo('c', 40)];
    const runner = ledger.superuser.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT 1 FROM session_ledger.session WHERE session_id = $1 FOR UPDATE', [second.sessionId]);

    expect(await pruneEnded(ledger.writer, 2)).toBe(1);
    expect(new Set(await rowsLeft())).toEqual(new Set([second.sessionId, third.sessionId]));
    await runner.rollbackTransaction();
    await runner.release();
    expect(await pruneEnded(ledger.writer, 1)).toBe(1);
    expect(await rowsLeft()).toEqual([third.sessionId]);
  });

  test('is removed in the background by whichever instance comes first, and by nobody who may write but not remove', async () => {
    for (let n = 0; n < 5; n += 1) await endedAgo(`user-${n}`, 60);
    const failures: unknown[] = [];
    const jobs = [1, 2].map(
      () => new PruningJob(ledger.writer, { everyMs: 5, onFailure: (failure) => failures.push(failure) }),
    );
    for (const job of jobs) job.start();
    while ((await rowsLeft()).length > 0) await sleep(5);
    await Promise.all(jobs.map((job) => job.stop()));

    expect(failures).toEqual([]);
    await expect(ledger.writer.query('DELETE FROM session_ledger.session')).rejects.toMatchObject({ code: '42501' });
  });
});

const recordedLongAgoSql = `
INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_at, application, detail, recorded_by)
SELECT kind, 0, at, at, 'web', detail::jsonb, 1
  FROM (SELECT clock_timestamp() - interval '90 days' AS at) t,
       (VALUES ('application_recorded', NULL), ('policy_set', '{"absoluteSeconds": 86400}')) facts (kind, detail)`;

const endedAgoSql = `
WITH t AS (
  SELECT $1::uuid AS id, $2::bytea AS digest, $3::uuid AS subject_id, get_byte(uuid_send($1::uuid), 15) & 63 AS bucket,
         clock_timestamp() - $4::float8 * interval '1 day' AS ended_at
), events AS (
  INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, recorded_at, expires_at, subject_id, application,
    absolute_expires_at, idle_seconds, secret_digest, reason, detail, recorded_by)
  SELECT 'created', bucket, id, 1, ended_at - interval '1 hour', ended_at - interval '1 hour', ended_at, subject_id, 'web',
         ended_at + interval '1 day', 3600, digest, NULL, '{"amr": [], "acr": null}'::jsonb, 1 FROM t
  UNION ALL
  SELECT 'used', bucket, id, 2, ended_at - interval '1 minute', ended_at - interval '1 minute', ended_at + interval '59 minutes', NULL, NULL,
         NULL, NULL, NULL, NULL, NULL, 1 FROM t
  UNION ALL
  SELECT 'revoked', bucket, id, 3, ended_at, ended_at, NULL, NULL, NULL, NULL, NULL, NULL, 'logout', NULL, 1 FROM t
)
INSERT INTO session_ledger.session (bucket, session_id, secret_digest, subject_id, application, created_at, authenticated_at, last_used_at,
  expires_at, absolute_expires_at, sweep_at, ended_at, end_reason, idle_seconds, event_count, amr)
SELECT bucket, id, digest, subject_id, 'web', ended_at - interval '1 hour', ended_at - interval '1 hour', ended_at - interval '1 minute',
       ended_at + interval '59 minutes', ended_at + interval '1 day', ended_at, ended_at, 'logout', 3600, 3, '{}' FROM t
RETURNING last_used_at AS "usedAt"`;
