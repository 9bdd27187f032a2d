import pg from 'pg';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../dist/src/ledger/migrate.js';
import { startEmbeddedPostgres } from '../dist/src/postgres/embedded-server.js';

/** A PostgreSQL to measure on. */
export interface ScratchPostgres {
  version: string;
  /** With which its superuser logs in. */
  url: string;
  /** Makes a database, migrates it, and returns the URL with which its superuser logs in. */
  createLedger(name: string): Promise<string>;
  stop(): Promise<void>;
}

/**
 * The embedded PostgreSQL as the service starts it (fsync on, its own settings) in a directory that goes with it; or,
 * with `BENCH_DATABASE_URL`, a server that runs already, on which databases of the same names are replaced.
 */
export async function startScratchPostgres(): Promise<ScratchPostgres> {
  const given = process.env['BENCH_DATABASE_URL'];
  if (given !== undefined)
    return onServer(
      (database) => withDatabase(given, database),
      async () => undefined,
    );
  const dataDir = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'session-ledger-bench-'));
  const server = await startEmbeddedPostgres({ dataDir });
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  // The server is no child that ends with us: a benchmark that is broken off takes it along.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(1)));
  }
  return onServer((database) => server.superuserUrl(database), stop);
}

async function onServer(urlOf: (database: string) => string, stop: () => Promise<void>): Promise<ScratchPostgres> {
  const createLedger = async (name: string): Promise<string> => {
    await runOn(urlOf('postgres'), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await runOn(urlOf('postgres'), `CREATE DATABASE ${name}`);
    const url = urlOf(name);
    await migrate({ url });
    return url;
  };
  const [server] = await runOn<{ version: string }>(
    urlOf('postgres'),
    `SELECT current_setting('server_version') AS version`,
  );
  return { version: server!.version, url: urlOf('postgres'), createLedger, stop };
}

/** Runs one statement as the superuser on a connection of its own, without any limit of time. */
export async function runOn<Row extends object>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, database: string): string {
  const address = new URL(url);
  address.pathname = `/${database}`;
  return address.toString();
}
