import type { Environment } from '../environment.js';
import { checkMigrations, migrate, rolesInForce } from '../ledger/migrate.js';
import { startEmbeddedDatabase } from './embedded-database.js';

/** The database that a service runs on, migrated and ready to be logged in to. */
export interface ServiceDatabase {
  /** The login the service works with; a second instance can start with it as `DATABASE_URL`. */
  readonly url: string;
  /** The directory that holds the embedded cluster; undefined for a server of the user's own. */
  readonly clusterHome: string | undefined;
  /** The roles that connections act as; 'none' where the server forbids making roles. */
  readonly roles: { readonly writer: 'writer' | 'none'; readonly reader: 'reader' | 'none' };
  /** Stops the embedded PostgreSQL; does nothing to a server of the user's own. */
  stop(): Promise<void>;
}

/**
 * Makes the service's database ready: the user's own (`DATABASE_URL`), else the embedded one. Migrates when it is
 * behind.
 *
 * @param say told, in one sentence each, of what an operator should know.
 */
export async function openServiceDatabase(
  environment: Environment,
  dataDir: string,
  say: (line: string) => void,
): Promise<ServiceDatabase> {
  const { databaseUrl, rolePrefix } = environment;
  if (databaseUrl !== undefined) {
    await migrateWhenBehind(environment, databaseUrl, say);
    const roles = await rolesOf(databaseUrl, rolePrefix);
    return { url: databaseUrl, clusterHome: undefined, roles, stop: async () => {} };
  }
  const embedded = await startEmbeddedDatabase(dataDir, rolePrefix, say);
  const { serviceUrl: url, home: clusterHome } = embedded;
  return { url, clusterHome, roles: { writer: 'writer', reader: 'reader' }, stop: () => embedded.stop() };
}

/** The roles that a login's connections act as. */
export async function rolesOf(url: string, rolePrefix: string): Promise<ServiceDatabase['roles']> {
  return (await rolesInForce({ url, rolePrefix }))
    ? { writer: 'writer', reader: 'reader' }
    : { writer: 'none', reader: 'none' };
}

/** A login that may not change the schema can start a second instance: it migrates only when something is pending. */
async function migrateWhenBehind(
  environment: Environment,
  databaseUrl: string,
  say: (line: string) => void,
): Promise<void> {
  const { migrationUrl, rolePrefix } = environment;
  if (migrationUrl === undefined) {
    const { pending, unknown } = await checkMigrations({ url: databaseUrl });
    if (pending.length === 0 && unknown.length === 0) return;
  }
  const serviceLogin = migrationUrl === undefined ? undefined : decodeURIComponent(new URL(databaseUrl).username);
  const url = migrationUrl ?? databaseUrl;
  const { applied, warnings } = await migrate({ url, rolePrefix, ...(serviceLogin ? { serviceLogin } : {}) });
  if (applied.length > 0) say(`Migrated the database: ${applied.join(', ')}`);
  for (const warning of warnings) say(warning);
}
