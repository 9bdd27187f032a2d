import { callbackify } from 'node:util';
import type { PoolClient, PoolConfig } from 'pg';
import { DataSource } from 'typeorm';
import { clientAnswered, keptAlive } from './answered-client.js';
import { pinConnection, type ConnectionPins } from './connection-pins.js';
import { databaseAddress } from './database-address.js';
import { forgetRecorders } from './recorder.js';
import { defaultRolePrefix, roleName } from './role-names.js';

/** How to reach the ledger, and as whom. */
export interface LedgerDataSourceOptions {
  /** `postgres://user:password@host:port/database`; TLS as in libpq (`?sslmode=verify-full`). */
  url: string;
  /** `writer` for the service, `reader` for questions, `sealer` for seals, `none` where roles could not be made (see `rolesInForce`). */
  role: 'writer' | 'reader' | 'sealer' | 'none';
  /** Roles belong to the whole cluster; the prefix tells ledgers of one cluster apart. `session_ledger` when omitted. */
  rolePrefix?: string;
  /** Connections at most. */
  poolSize: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** Milliseconds a statement may take; 30,000 when omitted, 0 for no limit. Five seconds more without an answer, and the server is taken for gone. */
  statementTimeoutMs?: number;
  /** Milliseconds a statement may wait for one lock; 5,000 when omitted, 0 for no limit. */
  lockTimeoutMs?: number;
  /** Whether its statements read whole tables, as reports do; otherwise the planner is kept to the indexes (`lookups`). */
  readsWholeTables?: boolean;
  /**
   * Runs on each new connection after its pins were checked, before anybody uses it; a failure refuses the connection.
   * The writer recognises its database here: a connection that comes back may lead to a promoted standby.
   */
  onConnection?: (client: PoolClient) => Promise<unknown>;
}

/*
 * Sessions and answers are looked up by an index each. A planner that takes a table for empty prefers to read all of it: a new ledger's,
 * and next month's partition once somebody has run VACUUM. A prepared plan outlives that: batch after batch, until
 * the first autovacuum has looked. One such partition is enough to have every event of a session read and sorted
 * where the newest was wanted (measured on a million events, lists of questions: 18,900 rows/s, and 24,200 without). Compiling is for
 * statements that run longer; and up to PostgreSQL 17 a table that has to be read whole would count as one.
 *
 * By itself PostgreSQL plans a prepared statement five times for its values before it keeps a plan, on each connection: 10 to 60 ms
 * each time for the statements of an answer on a year of partitions, where running them takes one. A lookup's plan does not
 * depend on its values; where one does, the statement says so (`queryRowsPlannedForValues`).
 */
const lookups = { enable_seqscan: 'off', jit: 'off', plan_cache_mode: 'force_generic_plan' };

const connectTimeoutMs = 5_000;
// Prepared statements live as long as their connection: one that comes and goes with every lull is worth keeping.
const idleConnectionMs = 300_000;

/**
 * A TypeORM data source (not yet initialised) whose every connection is pinned: role, UTC, ISO dates, READ COMMITTED,
 * synchronous_commit not below `on`, timeouts. The pins are checked on each new connection before its first use.
 *
 * @example
 * const writer = await ledgerDataSource({ url, role: 'writer', poolSize: 4, applicationName: 'session-ledger' }).initialize();
 */
export function ledgerDataSource(options: LedgerDataSourceOptions): DataSource {
  const pins: ConnectionPins = {
    role: options.role === 'none' ? undefined : roleName(options.rolePrefix ?? defaultRolePrefix, options.role),
    statementTimeoutMs: options.statementTimeoutMs ?? 30_000,
    lockTimeoutMs: options.lockTimeoutMs ?? 5_000,
    idleInTransactionTimeoutMs: 30_000,
  };
  const address = databaseAddress(options.url);
  const extra: PoolConfig = {
    ...(address.options === '' ? {} : { options: address.options }),
    ...keptAlive,
    Client: clientAnswered(pins.statementTimeoutMs),
    idleTimeoutMillis: idleConnectionMs,
    verify: (client: PoolClient, done: (failure?: Error) => void) => {
      // A connection that dies between two owners has nobody listening, and an 'error' nobody hears ends the process.
      // Nothing is lost: the statement under way rejects, and the pool drops the connection when it is given back.
      client.on('error', () => undefined);
      const prepare = async (): Promise<unknown> => {
        // A new connection may lead to another database than the last one did, with other ids.
        forgetRecorders(dataSource);
        await pinConnection(client, pins, options.readsWholeTables === true ? {} : lookups);
        return options.onConnection?.(client);
      };
      callbackify(prepare)((failure) => done(failure ?? undefined));
    },
  };
  const dataSource = new DataSource({
    type: 'postgres',
    url: address.url,
    schema: 'session_ledger',
    applicationName: options.applicationName,
    poolSize: options.poolSize,
    connectTimeoutMS: connectTimeoutMs,
    installExtensions: false,
    synchronize: false,
    logging: false,
    extra,
  });
  return dataSource;
}
