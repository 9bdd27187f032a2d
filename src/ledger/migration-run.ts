import { callbackify } from 'node:util';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { pinConnection } from './connection-pins.js';
import { databaseAddress } from './database-address.js';

/**
 * Applies the pending migrations as the schema's owner, all in one transaction: a ledger is never half migrated.
 *
 * @param prefix of the roles that the grants go to; undefined when there are none.
 * @returns names of the migrations applied, in order.
 */
export async function runMigrations(url: string, owner: string, prefix: string | undefined): Promise<string[]> {
  const pins = { role: owner, statementTimeoutMs: 0, lockTimeoutMs: 0, idleInTransactionTimeoutMs: 0 };
  const address = databaseAddress(url);
  const more: Record<string, string> = prefix === undefined ? {} : { 'session_ledger.role_prefix': prefix };
  const dataSource = new DataSource({
    type: 'postgres',
    url: address.url,
    schema: 'session_ledger',
    applicationName: 'session-ledger migrate',
    installExtensions: false,
    synchronize: false,
    logging: false,
    // The default logger prints failures of migrations to stdout, where the CLI's answers go; they are thrown anyway.
    logger: 'debug',
    migrations,
    migrationsTableName: 'migration',
    migrationsTransactionMode: 'all',
    extra: {
      ...(address.options === '' ? {} : { options: address.options }),
      verify: (client: PoolClient, done: (failure?: Error) => void) => {
        callbackify(() => pinConnection(client, pins, more))((failure) => done(failure ?? undefined));
      },
    },
  });
  await dataSource.initialize();
  try {
    return (await dataSource.runMigrations()).map(({ name }) => name);
  } finally {
    await dataSource.destroy();
  }
}
