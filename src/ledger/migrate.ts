import pg, { type ClientBase } from 'pg';
import { migrations } from '../../migrations/index.js';
import { SessionLedgerError } from '../errors.js';
import { runMigrations } from './migration-run.js';
import { ensurePartitions } from './partition-keeper.js';
import { defaultRolePrefix, roleName } from './role-names.js';
import { letServe } from './roles.js';
import { prepareSchema, schemaOwner } from './schema-owner.js';
import { toSessionLedgerError } from './sqlstate.js';

/** What to migrate, and for whom. */
export interface MigrateOptions {
  /** A login that may make roles and schemas; it needs nothing more and no superuser. */
  url: string;
  /** Prefix of the ledger's database roles; `session_ledger` when omitted. */
  rolePrefix?: string;
  /** Another login, which may then act as writer and reader: the service's own, when it never migrates. */
  serviceLogin?: string;
}

/** What a migration did. */
export interface Migrated {
  /** Names of the migrations just applied, in order. */
  applied: string[];
  /** False where the server forbids making roles: the ledger is then kept append-only by triggers alone. */
  rolesMade: boolean;
  /** Sentences for the operator. */
  warnings: string[];
}

const oldestServerVersion = 150_000;

/**
 * Brings a database to the schema of this code: roles, schema, migrations, the ledger's first event, partitions for
 * the coming months. Any number of instances may call it at once: one works, the others wait and find nothing to do.
 *
 * @throws SessionLedgerError ERR_DATABASE_NEWER when a newer release migrated it, ERR_POSTGRES_TOO_OLD below 15,
 * ERR_ROLES_FORBIDDEN when the schema belongs to a role the login may not act as, ERR_CONFIGURATION, and
 * ERR_LEDGER_UNAVAILABLE when the database cannot be reached.
 * @example
 * const { applied, warnings } = await migrate({ url: 'postgres://owner@localhost/app' });
 */
export async function migrate(options: MigrateOptions): Promise<Migrated> {
  return onOneConnection(options.url, async (client) => {
    await refuseUnfitServer(client);
    await lockMigrationsOut(client);
    const found = await compareMigrations(client);
    refuseNewerDatabase(found.unknown);
    const prefix = options.rolePrefix ?? defaultRolePrefix;
    const { owner, withRoles, warnings } = await prepareSchema(client, prefix);
    const isToStart = found.pending.includes(startOfLedger);
    const applied = isToStart
      ? [startOfLedger]
      : found.pending.length === 0
        ? []
        : await runMigrations(options.url, owner, withRoles ? prefix : undefined);
    await client.query(`SET ROLE ${client.escapeIdentifier(owner)}`);
    await ensurePartitions(client);
    await startLedger(client);
    await client.query('RESET ROLE');
    if (withRoles && options.serviceLogin !== undefined) await letServe(client, prefix, options.serviceLogin);
    return { applied, rolesMade: withRoles, warnings };
  });
}

/** Stands among what is pending where every migration was applied, and the run ended before the ledger's first event. */
const startOfLedger = 'ledger_started';

const startLedgerSql = `
SELECT session_ledger.start_ledger($1)`;

/** Writes `ledger_started`, once per database: from then on the ledger can say no. */
async function startLedger(client: ClientBase): Promise<void> {
  await client.query(startLedgerSql, ['session-ledger migrate']);
}

/**
 * Compares a database with this code, changing nothing.
 *
 * @returns names of migrations the database lacks (`ledger_started` where it has them all, and not the ledger's first
 * event), and of migrations it has that this code does not know.
 * @example
 * const { pending } = await checkMigrations({ url });
 */
export async function checkMigrations(options: { url: string }): Promise<{ pending: string[]; unknown: string[] }> {
  return onOneConnection(options.url, compareMigrations);
}

/**
 * Whether the ledger of a database is kept by the roles of this prefix, so that connections can act as its writer and
 * reader. False: there are only triggers, and connections act as their login.
 *
 * @example
 * const role = (await rolesInForce({ url })) ? 'writer' : 'none';
 */
export async function rolesInForce(options: { url: string; rolePrefix?: string }): Promise<boolean> {
  const owner = roleName(options.rolePrefix ?? defaultRolePrefix, 'owner');
  return onOneConnection(options.url, async (client) => (await schemaOwner(client)) === owner);
}

async function onOneConnection<Result>(url: string, work: (client: ClientBase) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'session-ledger migrate',
    connectionTimeoutMillis: 10_000,
  });
  // A connection lost while idle is reported by the next query; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (failure) {
    throw toSessionLedgerError(failure);
  } finally {
    await client.end();
  }
}

const serverSql = `
SELECT current_setting('server_version_num')::integer AS version, current_setting('server_encoding') AS encoding`;

async function refuseUnfitServer(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ version: number; encoding: string }>(serverSql);
  const { version, encoding } = rows[0]!;
  if (version < oldestServerVersion) {
    throw new SessionLedgerError(
      'ERR_POSTGRES_TOO_OLD',
      `PostgreSQL ${Math.floor(version / 10_000)} is too old; the ledger needs 15 or newer`,
    );
  }
  if (encoding !== 'UTF8') {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      `the database's encoding is ${encoding}; create one with ENCODING 'UTF8', since user ids are any Unicode`,
    );
  }
}

const lockSql = `
SELECT pg_advisory_lock(hashtextextended('session_ledger.migrate', 0))`;

/** TypeORM takes no lock: of 20 parallel runs on an empty database 15 failed. This one ends with its connection. */
async function lockMigrationsOut(client: ClientBase): Promise<void> {
  await client.query('SET statement_timeout = 0');
  await client.query('SET lock_timeout = 0');
  await client.query(lockSql);
}

const anyMigrationSql = `
SELECT to_regclass('session_ledger.migration') IS NOT NULL AS migrated`;
const appliedSql = `
SELECT name FROM session_ledger.migration ORDER BY id`;

const isStartedSql = `
SELECT EXISTS (SELECT 1 FROM session_ledger.horizon) AS started`;

async function isStarted(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ started: boolean }>(isStartedSql);
  return rows[0]!.started;
}

async function compareMigrations(client: ClientBase): Promise<{ pending: string[]; unknown: string[] }> {
  const known = migrations.map(({ name }) => name);
  const { rows: any } = await client.query<{ migrated: boolean }>(anyMigrationSql);
  if (!any[0]!.migrated) return { pending: known, unknown: [] };
  const { rows } = await client.query<{ name: string }>(appliedSql);
  const applied = new Set(rows.map(({ name }) => name));
  const pending = known.filter((name) => !applied.has(name));
  if (pending.length === 0 && !(await isStarted(client))) pending.push(startOfLedger);
  return {
    pending,
    unknown: [...applied].filter((name) => !known.includes(name)),
  };
}

function refuseNewerDatabase(unknown: string[]): void {
  if (unknown.length === 0) return;
  throw new SessionLedgerError(
    'ERR_DATABASE_NEWER',
    `the database was migrated by a newer release (${unknown.join(', ')}); run that release, or one after it`,
  );
}
