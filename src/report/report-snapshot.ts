import { once } from 'node:events';
import type { PoolClient } from 'pg';
import QueryStream from 'pg-query-stream';
import type { DataSource } from 'typeorm';
import { ledgerTypes } from '../ledger/postgres-types.js';
import type { ParameterValue } from './report-parameters.js';
import type { ReportDefinition } from './report-definition.js';
import type { Row } from './row-format.js';

const rowsAtOnce = 500;

/**
 * Runs work on one connection in a transaction that changes nothing and sees one moment of the ledger throughout, so
 * that all parts of a report agree.
 *
 * When the signal aborts, the connection is cut: the statement may be sorting for minutes before its first row, and
 * would not hear anything else. The server notices within a second.
 *
 * @throws what the work throws, or pg.
 */
export async function inSnapshot<Result>(
  reader: DataSource,
  signal: AbortSignal,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const runner = reader.createQueryRunner();
  const client = (await runner.connect()) as PoolClient;
  const cut = (): void => void client.end();
  const finished = new AbortController();
  signal.addEventListener('abort', cut, { once: true });
  try {
    signal.throwIfAborted();
    // A row stream whose connection is gone waits for the server's farewell for ever: it is not waited for.
    return await Promise.race([inTransaction(client, work), connectionLost(client, finished.signal)]);
  } catch (failure) {
    signal.throwIfAborted();
    throw failure;
  } finally {
    finished.abort();
    signal.removeEventListener('abort', cut);
    await runner.release();
  }
}

async function connectionLost(client: PoolClient, finished: AbortSignal): Promise<never> {
  await once(client, 'end', { signal: finished });
  throw new Error('Connection terminated');
}

async function inTransaction<Result>(
  client: PoolClient,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    await client.query("SET LOCAL statement_timeout = '15min'");
    await client.query('SET LOCAL client_connection_check_interval = 1000');
    return await work(client);
  } finally {
    // There is nothing to commit. Where the connection is lost, the server has ended the transaction by itself.
    await client.query('ROLLBACK').catch(() => undefined);
  }
}

/** The rows of a report, a few hundred at a time, fetched as they are taken. */
export async function* reportRows(
  client: PoolClient,
  { statement }: ReportDefinition,
  parameters: Readonly<Record<string, ParameterValue>>,
): AsyncGenerator<Row[]> {
  const values = statement.names.map((name) => parameters[name]);
  const stream = client.query(
    new QueryStream(statement.text, values, { batchSize: rowsAtOnce, highWaterMark: rowsAtOnce, types: ledgerTypes }),
  );
  let rows: Row[] = [];
  for await (const row of stream as AsyncIterable<Row>) {
    rows.push(row);
    if (rows.length < rowsAtOnce) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}
