import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { commit } from '../../src/ledger/commitment.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { queryRows, type Executor } from '../../src/ledger/named-query.js';
import { recorderId } from '../../src/ledger/recorder.js';
import { bucketOf, mintToken } from '../../src/token/session-token.js';
import type { TestDatabase } from '../setup/database.js';

const dayMs = 86_400_000;

/** The writer's connections to a test database, with a policy of one day on the ledger. */
export async function writerOf(database: TestDatabase, poolSize = 4): Promise<DataSource> {
  const options = { url: database.url, role: 'writer', poolSize, applicationName: 'ledger test' } as const;
  const writer = await ledgerDataSource(options).initialize();
  const policy = JSON.stringify({ name: 'test', absoluteSeconds: 86_400 });
  await writer.query('SELECT session_ledger.set_policy($1, $2, $3)', ['web', policy, await recorderId(writer, 'test')]);
  return writer;
}

/** The connections of the owner-to-be: a superuser that acts as itself. */
export async function superuserOf(database: TestDatabase, poolSize = 2): Promise<DataSource> {
  const options = { url: database.url, role: 'none', poolSize, applicationName: 'ledger test' } as const;
  return ledgerDataSource(options).initialize();
}

/** Records a user, and returns the subject id. */
export async function recordSubject(executor: Executor, userId: string): Promise<string> {
  const subjectId = randomUUID();
  const { salt, commitment } = commit({ realm: 'default', userId });
  await queryRows(executor, {
    name: 'test_record_subject',
    text: 'INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment) VALUES ($1, $2, $3, $4, $5)',
    values: [subjectId, 'default', userId, salt, commitment],
  });
  return subjectId;
}

/** Opens a session of one hour idle, one day at most, and returns its id. */
export async function openSession(executor: Executor, subjectId: string): Promise<string> {
  const { sessionId, secretDigest } = mintToken(bucketOf(subjectId), 20_000 * dayMs);
  await queryRows(executor, {
    name: 'test_open_session',
    text: `SELECT * FROM session_ledger.open_session($1, $2, $3, NULL, 'web', 3600, 86400, NULL, 'evict-oldest',
             '{pwd}', NULL, '{}', NULL, NULL, NULL, 1)`,
    values: [sessionId, secretDigest, subjectId],
  });
  return sessionId;
}

/** Uses a session, as the guard does: the row is locked and changed, and the event inserted, by one statement. */
export async function useSession(executor: Executor, sessionId: string): Promise<void> {
  await queryRows(executor, {
    name: 'test_use_session',
    text: `WITH locked AS MATERIALIZED (
             SELECT s.*, greatest(session_ledger.ledger_clock(), s.last_used_at) AS used_at FROM session_ledger.session s
              WHERE s.session_id = $1 AND s.bucket = $2 AND s.ended_at IS NULL FOR NO KEY UPDATE),
           used AS (
             UPDATE session_ledger.session s SET last_used_at = l.used_at, event_count = s.event_count + 1,
                    expires_at = least(l.used_at + s.idle_seconds * interval '1 second', s.absolute_expires_at) FROM locked l
              WHERE s.session_id = l.session_id AND s.bucket = l.bucket
             RETURNING s.*)
           INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, recorded_by)
           SELECT 'used', u.bucket, u.session_id, u.event_count, u.last_used_at, u.expires_at, 1 FROM used u`,
    values: [sessionId, bucketOf(sessionId)],
  });
}

/** Revokes a session for `logout`; 0 when it had ended. */
export async function revokeSession(executor: Executor, sessionId: string): Promise<number> {
  const rows = await queryRows<{ revoked: number }>(executor, {
    name: 'test_revoke_session',
    text: `SELECT revoked FROM session_ledger.revoke_session($1, NULL, 'logout', NULL, NULL, NULL, 1)`,
    values: [sessionId],
  });
  return rows[0]!.revoked;
}

/** One advance of the fence; null when another is at it or the clock is below the floor. */
export async function advanceHorizon(executor: Executor): Promise<string | null> {
  const text = 'SELECT session_ledger.advance_horizon() AS horizon';
  const rows = await queryRows<{ horizon: string | null }>(executor, { name: 'test_advance', text, values: [] });
  return rows[0]!.horizon;
}
