import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { queryRows } from '../../src/ledger/named-query.js';
import type { SessionLedgerError } from '../../src/errors.js';
import { resolvePolicy } from '../../src/session/policy.js';
import { Sessions } from '../../src/session/sessions.js';
import type { SessionsOptions } from '../../src/session/sessions-options.js';
import { createTestDatabase } from '../setup/database.js';

/** A ledger with sessions as an application has them, and a superuser's pool for looking. */
export interface SessionsLedger {
  readonly url: string;
  readonly writer: DataSource;
  readonly superuser: DataSource;
  readonly sessions: Sessions;
  /** Sessions of another instance, or with other settings. */
  sessionsWith(options: Partial<SessionsOptions>): Sessions;
  eventsOf(sessionId: string): Promise<EventSeen[]>;
  rowOf(sessionId: string): Promise<RowSeen>;
  rows<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export interface EventSeen {
  kind: string;
  sessionSeq: number;
  occurredAt: string;
  recordedAt: string;
  expiresAt: string | null;
  absoluteExpiresAt: string | null;
  reason: string | null;
  actorId: string | null;
  clientId: number | null;
  recordedBy: string;
  detail: Record<string, unknown> | null;
}

export interface RowSeen {
  expiresAt: string;
  endedAt: string | null;
  endReason: string | null;
  eventCount: number;
}

const standard: SessionsOptions = {
  realm: 'default',
  application: 'web',
  instance: 'web-1',
  policy: resolvePolicy('owasp-asvs-l2'),
};

export async function setUpSessions(options: Partial<SessionsOptions> = {}): Promise<SessionsLedger> {
  const database = await createTestDatabase();
  const pool = { url: database.url, applicationName: 'test' };
  const writer = await ledgerDataSource({ ...pool, role: 'writer', poolSize: 30, lockTimeoutMs: 20_000 }).initialize();
  const superuser = await ledgerDataSource({ ...pool, role: 'none', poolSize: 3 }).initialize();
  const opened: Sessions[] = [];
  const sessionsWith = (others: Partial<SessionsOptions>): Sessions => {
    const sessions = new Sessions(writer, { ...standard, ...options, ...others });
    opened.push(sessions);
    return sessions;
  };
  const rows = <Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> =>
    queryRows<Row>(superuser, { name: createHash('sha256').update(sql).digest('hex').slice(0, 60), text: sql, values });
  return {
    url: database.url,
    writer,
    superuser,
    sessions: sessionsWith({}),
    sessionsWith,
    rows,
    eventsOf: (sessionId) => rows<EventSeen>(eventsOfSessionSql, [sessionId]),
    rowOf: async (sessionId) => (await rows<RowSeen>(rowOfSessionSql, [sessionId]))[0]!,
    close: async () => {
      await Promise.all(opened.map((sessions) => sessions.close()));
      await writer.destroy();
      await superuser.destroy();
      await database.drop();
    },
  };
}

const eventsOfSessionSql = `
SELECT e.kind, e.session_seq AS "sessionSeq", e.occurred_at AS "occurredAt", e.recorded_at AS "recordedAt", e.expires_at AS "expiresAt",
       e.absolute_expires_at AS "absoluteExpiresAt", e.reason, e.actor_id AS "actorId", e.client_id AS "clientId", r.name AS "recordedBy", e.detail
  FROM session_ledger.event e JOIN session_ledger.recorder r ON r.recorder_id = e.recorded_by
 WHERE e.session_id = $1 ORDER BY e.session_seq`;

const rowOfSessionSql = `
SELECT expires_at AS "expiresAt", ended_at AS "endedAt", end_reason AS "endReason", event_count AS "eventCount"
  FROM session_ledger.session WHERE session_id = $1`;

/** What a call was refused with. */
export async function refusalOf(
  call: Promise<unknown>,
): Promise<Pick<SessionLedgerError, 'code' | 'field' | 'message'>> {
  try {
    await call;
  } catch (failure) {
    const { code, field, message } = failure as SessionLedgerError;
    return { code, field, message };
  }
  throw new Error('nothing was refused');
}
