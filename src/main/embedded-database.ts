import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../ledger/migrate.js';
import { startEmbeddedPostgres } from '../postgres/embedded-server.js';
import { readIfPresent, writePrivateFile } from '../postgres/private-file.js';

/** The ledger's database on the embedded PostgreSQL, migrated. */
export interface EmbeddedDatabase {
  /** The service's login: it may act as the ledger's writer and reader, and is neither owner nor superuser. */
  readonly serviceUrl: string;
  /** The superuser's login, for migrations and repairs. */
  readonly ownerUrl: string;
  /** The directory that holds the cluster. */
  readonly home: string;
  stop(): Promise<void>;
}

/** How far a start goes: PostgreSQL as it lies there, with the ledger's database and login made, or that brought to this release. */
export type EmbeddedExtent = 'as it is' | 'made' | 'migrated';

/** The name of the ledger's database on an embedded PostgreSQL. */
export const embeddedDatabaseName = 'session_ledger';

const serviceLogin = 'session_ledger_service';

/**
 * Starts PostgreSQL on a data directory and brings the ledger's database to this release, unless it is not to go so far.
 *
 * @param dataDir the real path of the data directory.
 * @param say told, in one sentence each, of what takes time.
 */
export async function startEmbeddedDatabase(
  dataDir: string,
  rolePrefix: string,
  say: (line: string) => void,
  upTo: EmbeddedExtent = 'migrated',
): Promise<EmbeddedDatabase> {
  const postgres = await startEmbeddedPostgres({ dataDir, log: say });
  try {
    const password = await serviceLoginPassword(dataDir);
    const ownerUrl = postgres.superuserUrl(embeddedDatabaseName);
    if (upTo !== 'as it is') await makeDatabaseAndLogin(postgres.superuserUrl('postgres'), password);
    if (upTo === 'migrated') {
      const { warnings } = await migrate({ url: ownerUrl, rolePrefix, serviceLogin });
      for (const warning of warnings) say(warning);
    }
    const serviceUrl = `postgres://${serviceLogin}:${password}@127.0.0.1:${postgres.port}/${embeddedDatabaseName}`;
    return { serviceUrl, ownerUrl, home: postgres.home, stop: () => postgres.stop() };
  } catch (failure) {
    await postgres.stop();
    throw failure;
  }
}

/** Kept, not made anew at each start: a second instance that logged in with it goes on when this one is started again. */
async function serviceLoginPassword(dataDir: string): Promise<string> {
  const file = join(dataDir, 'service-password');
  const kept = (await readIfPresent(file))?.trim();
  if (kept !== undefined && kept !== '') return kept;
  const password = randomBytes(24).toString('base64url');
  await writePrivateFile(file, `${password}\n`);
  return password;
}

async function makeDatabaseAndLogin(superuserUrl: string, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // a lost connection is reported by the statement that meets it
  await client.connect();
  try {
    const found = await whatExists(client);
    if (!found.hasDatabase) await client.query(`CREATE DATABASE ${embeddedDatabaseName}`);
    const verb = found.hasLogin ? 'ALTER' : 'CREATE';
    await client.query(`${verb} ROLE ${serviceLogin} LOGIN PASSWORD ${client.escapeLiteral(password)}`);
  } finally {
    await client.end();
  }
}

const whatExistsSql = `
SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1) AS "hasDatabase",
       EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $2) AS "hasLogin"`;

async function whatExists(client: pg.Client): Promise<{ hasDatabase: boolean; hasLogin: boolean }> {
  const { rows } = await client.query<{ hasDatabase: boolean; hasLogin: boolean }>(whatExistsSql, [
    embeddedDatabaseName,
    serviceLogin,
  ]);
  return rows[0] ?? { hasDatabase: false, hasLogin: false };
}
