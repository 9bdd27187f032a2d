import pg from 'pg';
import type { DataSource } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { UseBatches } from '../../src/session/use-batches.js';
import type { UseBatchesOptions } from '../../src/session/use-batches-options.js';
import type { UseResult } from '../../src/session/use-result.js';
import { bucketOf, mintNextToken, mintToken, parseToken } from '../../src/token/session-token.js';
import { createTestDatabase } from '../setup/database.js';
import { databaseUrl } from '../setup/test-server.js';

/** A ledger with a superuser's client for looking, and batches of uses as the service runs them. */
export interface UsedLedger {
  readonly url: string;
  readonly admin: pg.Client;
  readonly dataSource: DataSource;
  readonly batches: UseBatches;
  use(token: string, options?: { passive?: boolean; ip?: string; userAgent?: string }): Promise<UseResult>;
  anotherInstance(options?: UseBatchesOptions): Promise<{ batches: UseBatches; dataSource: DataSource }>;
  openSession(options?: OpenedHow): Promise<OpenedSession>;
  eventsOf(sessionId: string): Promise<EventRow[]>;
  /** False: nobody gets in any more, and the service's connections are cut, as when Postgres is gone. */
  letConnectionsIn(allowed: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface OpenedHow {
  user?: string;
  idleSeconds?: number | null;
  absoluteSeconds?: number;
}

export interface OpenedSession {
  readonly token: string;
  readonly sessionId: string;
  readonly subjectId: string;
}

export interface EventRow {
  readonly kind: string;
  readonly session_seq: number;
  readonly occurred_at: string;
  readonly expires_at: string | null;
  readonly client_id: string | null;
  readonly reason: string | null;
  readonly detail: Record<string, unknown> | null;
}

const asText = {
  getTypeParser: (oid: number) => (value: string) =>
    oid === 23 ? Number(value) : oid === 3802 ? JSON.parse(value) : value,
};

/** Sessions are opened by SQL here: these tests are about uses alone. */
export async function setUpUses(options: UseBatchesOptions = {}): Promise<UsedLedger> {
  const database = await createTestDatabase();
  const admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  const opening = new pg.Pool({ connectionString: database.url, max: 4 });
  await admin.query(`INSERT INTO session_ledger.recorder (name) VALUES ('test')`);
  await admin.query(`SELECT session_ledger.set_policy('web', '{"absoluteSeconds": 86400}', 1)`);
  const sources: DataSource[] = [];
  const instances: UseBatches[] = [];
  const anotherInstance = async (
    more: UseBatchesOptions = {},
  ): Promise<{ batches: UseBatches; dataSource: DataSource }> => {
    const dataSource = await ledgerDataSource({
      url: database.url,
      role: 'writer',
      poolSize: 8,
      applicationName: 'test',
    }).initialize();
    const batches = new UseBatches(dataSource, more);
    sources.push(dataSource);
    instances.push(batches);
    return { batches, dataSource };
  };
  const { batches, dataSource } = await anotherInstance(options);
  return {
    url: database.url,
    admin,
    dataSource,
    batches,
    anotherInstance,
    use: (token, how = {}) => presentTo(batches, token, how),
    openSession: (how) => openBySql(opening, how),
    eventsOf: async (sessionId) =>
      (
        await admin.query<EventRow>({
          text: 'SELECT * FROM session_ledger.event WHERE session_id = $1 ORDER BY session_seq',
          values: [sessionId],
          types: asText,
        })
      ).rows,
    letConnectionsIn: async (allowed) => {
      const outside = new pg.Client({ connectionString: databaseUrl(database.url, 'postgres') });
      await outside.connect();
      await outside.query(`ALTER DATABASE ${database.name} ALLOW_CONNECTIONS ${allowed}`);
      if (!allowed) {
        await outside.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'test'`,
          [database.name],
        );
      }
      await outside.end();
    },
    close: async () => {
      await Promise.all(instances.map((instance) => instance.close()));
      await Promise.all(sources.map((source) => source.destroy()));
      await opening.end();
      await admin.end();
      await database.drop();
    },
  };
}

/** Presents a token to one instance, as its guard would. */
export function presentTo(
  batches: UseBatches,
  token: string,
  how: { passive?: boolean; ip?: string; userAgent?: string } = {},
): Promise<UseResult> {
  const claim = parseToken(token)!;
  const client =
    how.ip === undefined && how.userAgent === undefined
      ? undefined
      : { ip: how.ip ?? null, userAgent: how.userAgent ?? null };
  return batches.record({ claim, passive: how.passive ?? false, client, recordedBy: 'test' });
}

/** How a use was answered, in one word: accepted, why it was refused, or the code of what kept it from being recorded. */
export async function outcomeOf(use: Promise<UseResult>): Promise<string> {
  try {
    const result = await use;
    return result.active ? 'accepted' : result.why;
  } catch (failure) {
    return (failure as { code: string }).code;
  }
}

/** The token of a session whose secret is wrong: same id, another secret. */
export function withWrongSecret(session: OpenedSession): string {
  return mintNextToken(session.sessionId).token;
}

let users = 0;

async function openBySql(admin: pg.Pool, how: OpenedHow = {}): Promise<OpenedSession> {
  const { rows } = await admin.query<{ subject_id: string; now_ms: string }>(
    `INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
     VALUES (gen_random_uuid(), 'default', $1, '\\x00112233445566778899aabbccddeeff', sha256('x'))
     ON CONFLICT (realm, user_id) DO UPDATE SET realm = excluded.realm
     RETURNING subject_id, floor(extract(epoch FROM clock_timestamp()) * 1000)::text AS now_ms`,
    [how.user ?? `user-${++users}`],
  );
  const { subject_id: subjectId, now_ms } = rows[0]!;
  const { token, sessionId, secretDigest } = mintToken(bucketOf(subjectId), Number(now_ms));
  await admin.query(
    `SELECT session_ledger.open_session($1, $2, $3, NULL, 'web', $4, $5, NULL, NULL, '{pwd}', NULL, '{}', NULL, NULL, NULL, 1)`,
    [
      sessionId,
      secretDigest,
      subjectId,
      how.idleSeconds === undefined ? 3600 : how.idleSeconds,
      how.absoluteSeconds ?? 86_400,
    ],
  );
  return { token, sessionId, subjectId };
}
