import { recorderId } from '../dist/src/ledger/recorder.js';
import { ledgerDataSource } from '../dist/src/ledger/ledger-data-source.js';
import type { TokenClaim } from '../dist/src/token/session-token.js';
import { runOn } from './scratch-postgres.js';

/** Live sessions that were not opened one by one, and who is to use them. */
export interface SeededSessions {
  claims: TokenClaim[];
  recordedBy: number;
}

const subjectsSql = `
INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
SELECT (overlay(gen_random_uuid()::text placing lpad(to_hex(n % 64), 2, '0') from 35))::uuid, 'default', 'user-' || n,
       substr(sha256(n::text::bytea), 1, 16),
       sha256(substr(sha256(n::text::bytea), 1, 16) || convert_to('{"realm":"default","userId":"user-' || n || '"}', 'UTF8'))
  FROM generate_series(1, $1::integer) n`;

const sessionsSql = `
WITH opened AS (
  SELECT (overlay(uuidv7()::text placing substr(u.subject_id::text, 35) from 35))::uuid AS session_id, u.subject_id,
         sha256(('secret of ' || u.user_id || ' ' || nth)::bytea) AS secret_digest, clock_timestamp() - $3 * interval '1 second' AS at
    FROM session_ledger.subject u, generate_series(1, $1::integer) nth
), held AS (
  INSERT INTO session_ledger.session (bucket, session_id, secret_digest, subject_id, application, created_at, authenticated_at, last_used_at,
         expires_at, absolute_expires_at, sweep_at, idle_seconds, event_count, amr)
  SELECT get_byte(uuid_send(session_id), 15) & 63, session_id, secret_digest, subject_id, 'web', at, at, at,
         at + interval '1 hour', at + interval '12 hours', at + interval '1 hour', 3600, 1, '{pwd}'
    FROM opened
  RETURNING *
)
INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, subject_id, application,
       absolute_expires_at, idle_seconds, secret_digest, detail, recorded_by, recorded_at)
SELECT 'created', bucket, session_id, 1, created_at, expires_at, subject_id, application, absolute_expires_at, idle_seconds, secret_digest,
       jsonb_build_object('amr', '["pwd"]'::jsonb, 'subjectCommitment', encode(u.commitment, 'hex')), $2, created_at
  FROM held JOIN session_ledger.subject u USING (subject_id) ORDER BY created_at`;

const claimsSql = `
SELECT session_id AS "sessionId", secret_digest AS "secretDigest" FROM session_ledger.session WHERE ended_at IS NULL ORDER BY random()`;

/** The name by which the benchmarks record. */
export const benchRecorder = 'bench';

/**
 * Writes sessions, four to a user, straight into the tables, as a database in service for a while would hold them.
 *
 * @param openedAgoSeconds how long ago they were opened and last used; past their idle hour they are due to expire.
 */
export async function seedSessions(url: string, count: number, openedAgoSeconds = 0): Promise<SeededSessions> {
  const recordedBy = await prepareToRecord(url, benchRecorder);
  const sessionsPerUser = 4;
  await runOn(url, subjectsSql, [Math.ceil(count / sessionsPerUser)]);
  await runOn(url, sessionsSql, [sessionsPerUser, recordedBy, openedAgoSeconds]);
  await runOn(url, 'VACUUM ANALYZE');
  return { claims: await runOn<TokenClaim>(url, claimsSql), recordedBy };
}

const applicationSql = `
SELECT session_ledger.record_application('web', $1), session_ledger.set_policy('web', '{"absoluteSeconds": 43200}', $1)`;

/** Records the application and a policy, without which nothing may be opened; returns the id of the recorder. */
export async function prepareToRecord(url: string, recorder: string): Promise<number> {
  const writer = ledgerDataSource({ url, role: 'writer', poolSize: 1, applicationName: 'bench' });
  await writer.initialize();
  try {
    const recordedBy = await recorderId(writer, recorder);
    await runOn(url, applicationSql, [recordedBy]);
    return recordedBy;
  } finally {
    await writer.destroy();
  }
}
