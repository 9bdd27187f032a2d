import type pg from 'pg';
import { finished } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { SeededSessions } from './seeded-sessions.js';
import { bareRows, withWriters, type BareLoad } from './bare-writers.js';

const copySql = `
COPY session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, client_id, recorded_by) FROM STDIN`;

/** The same rows by COPY, one commit per batch as for the others. The application writes the times, which COPY cannot. */
export function copyEvents(url: string, sessions: SeededSessions, load: BareLoad): Promise<number> {
  return withWriters(url, load, async (client: pg.Client, recordedBy: number) => {
    const now = Date.now();
    const times = `${new Date(now).toISOString()}\t${new Date(now + 3_600_000).toISOString()}`;
    const lines = bareRows(sessions, load.batch).map(
      (row) => `used\t${row.bucket}\t${row.sessionId}\t2\t${times}\t1\t${recordedBy}\n`,
    );
    const copy = client.query(copyFrom(copySql));
    copy.end(lines.join(''));
    await finished(copy);
  });
}
