import type pg from 'pg';
import type { SeededSessions } from './seeded-sessions.js';
import { bareRows, withWriters, type BareLoad } from './bare-writers.js';

const insertSql = `
INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, client_id, recorded_by)
SELECT 'used', bucket, session_id, 2, at, at + interval '1 hour', 1, $3
  FROM (SELECT bucket, session_id, clock_timestamp() AS at FROM unnest($1::smallint[], $2::uuid[]) AS r(bucket, session_id)) row`;

/** The least that any design with this ledger pays: the same rows into the same table, nothing checked, nothing locked. */
export function insertEvents(url: string, sessions: SeededSessions, load: BareLoad): Promise<number> {
  return withWriters(url, load, async (client: pg.Client, recordedBy: number) => {
    const rows = bareRows(sessions, load.batch);
    const values = [
      `{${rows.map((row) => row.bucket).join()}}`,
      `{${rows.map((row) => row.sessionId).join()}}`,
      recordedBy,
    ];
    await client.query({ name: 'bare_insert', text: insertSql, values });
  });
}
