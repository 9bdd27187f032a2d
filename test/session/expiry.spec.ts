import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionLedgerError } from '../../src/errors.js';
import { recorderId } from '../../src/ledger/recorder.js';
import { expireDue } from '../../src/session/expire.js';
import { ExpiryJob } from '../../src/session/expiry-job.js';
import { expiryLagSeconds } from '../../src/session/expiry-lag.js';
import { rebuildSessions } from '../../src/session/rebuild.js';
import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

describe('expiry', () => {
  let ledger: SessionsLedger;

  beforeEach(async () => {
    ledger = await setUpSessions();
    await ledger.sessions.start();
  });

  afterEach(() => ledger.close());

  /** Sessions whose deadline was `age` ago, by SQL: nobody can wait for days. */
  async function leaveLapsed(count: number, age: string): Promise<void> {
    await ledger.superuser.query(
      `WITH ids AS (
         SELECT overlay(gen_random_uuid()::text PLACING '7' FROM 15)::uuid AS id FROM generate_series(1, $1)
       ), opened AS (
         INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, recorded_at, expires_at, subject_id, application,
           absolute_expires_at, idle_seconds, secret_digest, detail, recorded_by)
         SELECT 'created', get_byte(uuid_send(id), 15) & 63, id, 1, at - interval '1 minute', at - interval '1 minute', at, gen_random_uuid(), 'web',
                at + interval '1 hour', 60, sha256(uuid_send(id)), '{"amr": [], "acr": null}', 1
           FROM ids, (SELECT clock_timestamp() - $2::interval AS at) t
         RETURNING *
       )
       INSERT INTO session_ledger.session (bucket, session_id, secret_digest, subject_id, application, created_at, authenticated_at,
         last_used_at, expires_at, absolute_expires_at, sweep_at, idle_seconds, event_count, amr)
       SELECT bucket, session_id, secret_digest, subject_id, application, occurred_at, occurred_at, occurred_at, expires_at,
              absolute_expires_at, expires_at, 60, 1, '{}' FROM opened`,
      [count, age],
    );
  }

  const expireNow = async (): Promise<{ examined: number; expired: number }> => {
    await recorderId(ledger.writer, 'web-1');
    return expireDue(ledger.writer, 'web-1');
  };

  test('leaves one expired event at the deadline, idle or absolute as the deadline was', async () => {
    const idle = await ledger.sessions.open({ userId: 'alice', policy: { idleSeconds: 1 } });
    const absolute = await ledger.sessions.open({ userId: 'alice', policy: { absoluteSeconds: 1 } });
    const live = await ledger.sessions.open({ userId: 'alice' });
    await sleep(1_050);

    expect(await expireNow()).toEqual({ examined: 2, expired: 2 });

    for (const [opened, reason] of [
      [idle, 'idle'],
      [absolute, 'absolute'],
    ] as const) {
      const { sessionId, expiresAt } = opened.session;
      expect((await ledger.eventsOf(sessionId)).at(-1)).toMatchObject({
        kind: 'expired',
        sessionSeq: 2,
        occurredAt: expiresAt,
        reason,
      });
      expect(await ledger.rowOf(sessionId)).toMatchObject({ endedAt: expiresAt, endReason: reason, eventCount: 2 });
    }
    expect(await ledger.sessions.use(live.token)).toMatchObject({ active: true });
  });

  test('puts a session off that was used since, and expires it at the deadline of its last use', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'bob', policy: { idleSeconds: 2 } });
    await sleep(1_200);
    const used = await ledger.sessions.use(token);
    await sleep(900);

    expect(await expireNow()).toEqual({ examined: 1, expired: 0 });
    expect(await expireNow()).toEqual({ examined: 0, expired: 0 });
    await sleep(1_300);
    expect(await expireNow()).toEqual({ examined: 1, expired: 1 });

    expect(used).toMatchObject({ active: true });
    const events = await ledger.eventsOf(session.sessionId);
    expect(events.map(({ kind }) => kind)).toEqual(['created', 'used', 'expired']);
    expect(events[2]!.occurredAt).toBe(events[1]!.expiresAt);
  });

  test('days late is dated at the deadline all the same', async () => {
    await leaveLapsed(10, '3 days');
    expect(await expiryLagSeconds(ledger.writer)).toBeGreaterThan(3 * 86_400 - 1);

    expect(await expireNow()).toEqual({ examined: 10, expired: 10 });

    const [lateness] = await ledger.rows(
      `SELECT count(*) AS expired, bool_and(e.recorded_at - e.occurred_at > interval '71 hours') AS late, bool_and(e.occurred_at = s.expires_at) AS exact
         FROM session_ledger.event e JOIN session_ledger.session s USING (bucket, session_id) WHERE e.kind = 'expired'`,
    );
    expect(lateness).toEqual({ expired: 10, late: true, exact: true });
    expect(await expiryLagSeconds(ledger.writer)).toBe(0);
  });

  test('by four jobs at once on 5,000 sessions leaves each exactly one expired event', async () => {
    await leaveLapsed(5_000, '1 minute');
    const failures: SessionLedgerError[] = [];
    const jobs = ['web-1', 'web-2', 'web-3', 'web-4'].map(
      (recordedBy) =>
        new ExpiryJob(ledger.writer, { recordedBy, everyMs: 20, onFailure: (failure) => failures.push(failure) }),
    );

    jobs.forEach((job) => job.start());
    await untilNothingIsDue();
    await Promise.all(jobs.map((job) => job.stop()));

    const [outcome] = await ledger.rows(
      `SELECT count(*) AS events, count(DISTINCT session_id) AS sessions, max(session_seq) AS "lastSeq" FROM session_ledger.event WHERE kind = 'expired'`,
    );
    expect(outcome).toEqual({ events: 5_000, sessions: 5_000, lastSeq: 2 });
    expect(failures).toEqual([]);
    expect(await rebuildSessions(ledger.writer, { check: true })).toMatchObject({ differences: 0 });
  });

  async function untilNothingIsDue(): Promise<void> {
    for (let tried = 0; tried < 500 && (await expiryLagSeconds(ledger.writer)) > 0; tried += 1) await sleep(20);
  }

  test('passes over a session that a transaction holds, and expires the others', async () => {
    await leaveLapsed(3, '1 minute');
    const runner = ledger.superuser.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT 1 FROM session_ledger.session LIMIT 1 FOR UPDATE');

    expect(await expireNow()).toEqual({ examined: 2, expired: 2 });
    await runner.rollbackTransaction();
    await runner.release();
    expect(await expireNow()).toEqual({ examined: 1, expired: 1 });
  });

  test('ends no session twice while it is being revoked and used at its deadline', async () => {
    const opened = await Promise.all(
      Array.from({ length: 40 }, (_, n) => ledger.sessions.open({ userId: `user-${n}`, policy: { idleSeconds: 1 } })),
    );
    await sleep(850);
    const until = performance.now() + 400;
    const expiring = async (): Promise<void> => {
      while (performance.now() < until) await expireNow();
    };
    const soon = (): Promise<void> => sleep(100 + Math.random() * 200);
    await Promise.all([
      expiring(),
      expiring(),
      ...opened.map(({ session }) =>
        soon().then(() => ledger.sessions.revoke(session.sessionId, { reason: 'logout' })),
      ),
      ...opened.map(({ token }) => soon().then(() => ledger.sessions.use(token))),
    ]);
    await sleep(1_000);
    await expireNow();

    const histories = await ledger.rows<{ endings: number; gapless: boolean }>(
      `SELECT count(*) FILTER (WHERE kind IN ('revoked', 'expired')) AS endings, max(session_seq) = count(*) AS gapless
         FROM session_ledger.event WHERE session_id IS NOT NULL GROUP BY session_id`,
    );
    expect(histories).toHaveLength(40);
    expect(histories.every(({ endings, gapless }) => endings === 1 && gapless)).toBe(true);
    expect(await rebuildSessions(ledger.writer, { check: true })).toMatchObject({ sessions: 40, differences: 0 });
  });

  test('does nothing by a clock that stepped back', async () => {
    await leaveLapsed(1, '1 minute');
    await ledger.superuser.query(
      `SELECT setval('session_ledger.clock_floor', (extract(epoch FROM clock_timestamp() + interval '1 hour') * 1000000)::bigint)`,
    );

    expect((await refusalOf(expireNow())).code).toBe('ERR_CLOCK_BEHIND');
    expect(await ledger.rows(`SELECT 1 FROM session_ledger.event WHERE kind = 'expired'`)).toEqual([]);
  });

  test('goes on by itself after a failure, and tells of it', async () => {
    const failures: SessionLedgerError[] = [];
    await ledger.superuser.query('REVOKE UPDATE ON session_ledger.session FROM session_ledger_writer');
    const job = new ExpiryJob(ledger.writer, {
      recordedBy: 'web-1',
      everyMs: 20,
      onFailure: (failure) => failures.push(failure),
    });
    job.start();
    while (failures.length === 0) await sleep(10);
    await job.stop();

    expect(failures[0]!.code).toBe('ERR_CONFIGURATION');
  });
});
