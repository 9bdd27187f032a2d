import { Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from './errors.js';
import { recogniseDatabase } from './ledger/database-identity.js';
import { KnownHorizon } from './ledger/known-horizon.js';
import { ledgerDataSource } from './ledger/ledger-data-source.js';
import { checkMigrations, migrate, rolesInForce } from './ledger/migrate.js';
import { toSessionLedgerError } from './ledger/sqlstate.js';
import type { ResolvedOptions } from './session-ledger.options.js';

/** The library's own pools: small, pinned, and apart from the application's. */
export interface LedgerConnections {
  /** Opens, renews, revokes, expires. */
  readonly writer: DataSource;
  /** Records uses, and nothing else: changes that wait for a locked user must not take the connections of everybody. */
  readonly uses: DataSource;
  readonly reader: DataSource;
  /** `none` where the database has no roles of the ledger's: its triggers stand alone. */
  readonly role: 'writer' | 'none';
  /** Tells of each new connection that may change sessions: it may lead to another database than the last one did. */
  readonly whenConnected: (listener: () => void) => void;
  /** What new connections are held to, for whoever sees the horizon advance. */
  readonly known: KnownHorizon;
}

/** The connection beside those that carry batches of uses: for uses that wait for a locked row. */
const slowLaneConnection = 1;
/** Opening, renewing, revoking, and the background work. */
const changeConnections = 5;
const logger = new Logger('SessionLedger');

/**
 * Brings the database up to what this code needs, and connects to it.
 *
 * @throws SessionLedgerError `ERR_DATABASE_BEHIND`, `ERR_DATABASE_NEWER`, `ERR_LEDGER_UNAVAILABLE`, `ERR_CONFIGURATION`.
 */
export async function connectLedger(options: ResolvedOptions): Promise<LedgerConnections> {
  await (options.migrate ? migrateNow(options) : refuseOtherSchema(options));
  const { url, rolePrefix, writers, readers, sessions } = options;
  const role = (await rolesInForce({ url, rolePrefix })) ? 'writer' : 'none';
  const applicationName = `session-ledger ${sessions.application}`.slice(0, 63);
  const base = { url, rolePrefix, applicationName };
  const listeners: (() => void)[] = [];
  const known = new KnownHorizon();
  const onConnection = async (client: PoolClient): Promise<void> => {
    await recognise(client, options, known);
    for (const listener of listeners) listener();
  };
  const uses = ledgerDataSource({ ...base, role, poolSize: writers + slowLaneConnection, onConnection });
  const writer = ledgerDataSource({ ...base, role, poolSize: changeConnections, onConnection });
  const reader = ledgerDataSource({ ...base, role: role === 'writer' ? 'reader' : 'none', poolSize: readers });
  try {
    await uses.initialize();
    await writer.initialize();
    await reader.initialize();
  } catch (failure) {
    await closeConnections({ writer, uses, reader });
    throw toSessionLedgerError(failure);
  }
  return { writer, uses, reader, role, whenConnected: (listener) => void listeners.push(listener), known };
}

/** Ends the pools; whoever still holds a connection is waited for. */
export async function closeConnections({
  writer,
  uses,
  reader,
}: Pick<LedgerConnections, 'writer' | 'uses' | 'reader'>): Promise<void> {
  for (const pool of [uses, writer, reader]) if (pool.isInitialized) await pool.destroy();
}

async function migrateNow({ url, migrationUrl, rolePrefix }: ResolvedOptions): Promise<void> {
  const serviceLogin = migrationUrl === url ? undefined : decodeURIComponent(new URL(url).username);
  const { warnings } = await migrate({ url: migrationUrl, rolePrefix, ...(serviceLogin ? { serviceLogin } : {}) });
  for (const warning of warnings) logger.warn(warning);
}

async function refuseOtherSchema({ url }: ResolvedOptions): Promise<void> {
  const { pending, unknown } = await checkMigrations({ url });
  if (unknown.length > 0) {
    throw new SessionLedgerError(
      'ERR_DATABASE_NEWER',
      `the database was migrated by a newer release (${unknown.join(', ')}); run that release, or one after it`,
    );
  }
  if (pending.length > 0) {
    throw new SessionLedgerError(
      'ERR_DATABASE_BEHIND',
      `the database lacks ${pending.length} of the ledger's migrations: run "npx session-ledger migrate --database-url <its owner's URL>", or set migrate: true`,
    );
  }
}

/** On every new connection of the writer, because it may lead to another server than the last one did. */
async function recognise(
  client: PoolClient,
  { afterRestore, sessions }: ResolvedOptions,
  known: KnownHorizon,
): Promise<void> {
  const revokeLive = afterRestore === 'revoke';
  const { changed, revoked } = await recogniseDatabase(client, { revokeLive, recordedBy: sessions.instance, known });
  if (changed) {
    logger.warn(
      `the database was restored or promoted: a gap is on the ledger, and ${revoked} live sessions were revoked`,
    );
  }
}
