import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { resolvePolicy } from '../../src/session/policy.js';
import { Sessions } from '../../src/session/sessions.js';
import { setUpSessions, type SessionsLedger } from './sessions-ledger.js';

describe('who records on a database that gives the ids of before to others', () => {
  let ledger: SessionsLedger;
  let pool: DataSource;
  let sessions: Sessions;

  beforeAll(async () => {
    ledger = await setUpSessions();
    const applicationName = 'before and after';
    pool = await ledgerDataSource({ url: ledger.url, role: 'writer', poolSize: 1, applicationName }).initialize();
    const policy = resolvePolicy('owasp-asvs-l2');
    sessions = new Sessions(pool, { realm: 'default', application: 'web', instance: 'web-9', policy });
  });

  afterAll(async () => {
    await sessions.close();
    await pool.destroy();
    await ledger.close();
  });

  /** As after a restore: the id that this process knows is another one's, and every connection is a new one. */
  const restore = async (): Promise<void> => {
    await ledger.superuser.query(
      `UPDATE session_ledger.recorder SET name = 'other-' || recorder_id WHERE name = 'web-9'`,
    );
    await ledger.superuser.query(`INSERT INTO session_ledger.recorder (name) VALUES ('web-9')`);
    await ledger.superuser.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'before and after' AND datname = current_database()`,
    );
  };

  /** The pool may first hand out the connection that has just been cut, on which nothing is recorded. */
  const untilRecorded = async <Result>(change: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await change();
      } catch (failure) {
        if ((failure as { code: string }).code !== 'ERR_LEDGER_UNAVAILABLE') throw failure;
        await sleep(10);
      }
    }
  };

  const lastRecorder = async (sessionId: string): Promise<string> =>
    (await ledger.eventsOf(sessionId)).at(-1)!.recordedBy;

  test('is named by the first opening, renewal and revocation after it', async () => {
    const { token, session } = await sessions.open({ userId: 'alice' });
    expect(await lastRecorder(session.sessionId)).toBe('web-9');

    await restore();
    const renewed = await untilRecorded(() => sessions.renew(token));
    expect(await lastRecorder(session.sessionId)).toBe('web-9');

    await restore();
    const another = await untilRecorded(() => sessions.open({ userId: 'alice' }));
    expect(await lastRecorder(another.session.sessionId)).toBe('web-9');

    await restore();
    await untilRecorded(() => sessions.revokeToken(renewed.token, { reason: 'logout' }));
    expect(await lastRecorder(session.sessionId)).toBe('web-9');

    await restore();
    await untilRecorded(() => sessions.revokeSessions('alice', { reason: 'admin' }));
    expect(await lastRecorder(another.session.sessionId)).toBe('web-9');
  });
});
