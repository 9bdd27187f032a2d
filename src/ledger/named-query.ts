import type { ClientBase, Pool, QueryResult } from 'pg';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { ledgerTypes } from './postgres-types.js';

/** Whatever a statement can run on: a pool, a transaction of TypeORM's, or a plain connection. */
export type Executor = DataSource | EntityManager | QueryRunner | ClientBase;

/** A statement with a name, under which each connection prepares it once. Same name, same text, always. */
export interface NamedStatement {
  name: string;
  text: string;
  values: unknown[];
  /** Milliseconds after which the connection is given up; 0 for no limit, the pool's own when omitted. */
  answerWithinMs?: number;
}

/**
 * Runs a prepared statement and reads its rows with the ledger's own type parsers (postgres-types.ts).
 *
 * TypeORM's own `query` knows neither prepared statements nor parsers per query, so this goes to the pg client under it:
 * on an EntityManager or QueryRunner the client of its transaction, on a DataSource any client of the pool.
 *
 * @throws what pg throws; callers turn it into words with `toSessionLedgerError`.
 * @example
 * const [row] = await queryRows<{ settledAt: Instant }>(dataSource, { name: 'read_horizon', text: readHorizonSql, values: [] });
 */
export async function queryRows<Row extends object>(executor: Executor, statement: NamedStatement): Promise<Row[]> {
  const client = await clientOf(executor);
  const { answerWithinMs, ...prepared } = statement;
  const limit = answerWithinMs === undefined ? {} : { query_timeout: answerWithinMs };
  const config = { ...prepared, ...limit, types: ledgerTypes };
  const { rows } = client === undefined ? await queryPool(poolOf(executor), config) : await client.query<Row>(config);
  return rows as Row[];
}

const planForValuesSql = `SET LOCAL plan_cache_mode = force_custom_plan`;

/** The same for a statement whose best plan depends on what is asked for: planned anew each time, in a transaction of its own. */
export async function queryRowsPlannedForValues<Row extends object>(
  pool: DataSource,
  statement: NamedStatement,
): Promise<Row[]> {
  return pool.transaction(async (transaction) => {
    await transaction.query(planForValuesSql);
    return queryRows<Row>(transaction, statement);
  });
}

type Config = Omit<NamedStatement, 'answerWithinMs'> & { types: typeof ledgerTypes };

async function queryPool(pool: Pool, config: Config): Promise<QueryResult> {
  try {
    return await queryOneOf(pool, config);
  } catch (failure) {
    if (!isStalePlan(failure)) throw failure;
    // A migration changed a result type under a prepared statement. That connection is closed; a new one prepares afresh.
    return queryOneOf(pool, config);
  }
}

async function queryOneOf(pool: Pool, config: Config): Promise<QueryResult> {
  const client = await pool.connect();
  let failure: unknown;
  try {
    return await client.query(config);
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    client.release(isStalePlan(failure));
  }
}

function isStalePlan(failure: unknown): boolean {
  return failure instanceof Error && 'code' in failure && failure.code === '0A000';
}

async function clientOf(executor: Executor): Promise<ClientBase | undefined> {
  if (isQueryRunner(executor)) return (await executor.connect()) as ClientBase;
  if (isEntityManager(executor)) return executor.queryRunner && ((await executor.queryRunner.connect()) as ClientBase);
  return isDataSource(executor) ? undefined : executor;
}

function poolOf(executor: Executor): Pool {
  const dataSource = isEntityManager(executor) ? executor.dataSource : (executor as DataSource);
  const pool = (dataSource.driver as unknown as { master?: Pool }).master;
  if (pool === undefined) throw new Error('the data source is not initialised, or is not PostgreSQL');
  return pool;
}

// By what they can do, not by instanceof: the application may hold another copy of TypeORM than this package.
function isDataSource(executor: Executor): executor is DataSource {
  return 'createQueryRunner' in executor;
}

function isEntityManager(executor: Executor): executor is EntityManager {
  return 'getRepository' in executor && !isDataSource(executor);
}

function isQueryRunner(executor: Executor): executor is QueryRunner {
  return 'startTransaction' in executor;
}
