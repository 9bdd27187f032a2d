import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../src/ledger/migrate.js';
import { startCluster, type Cluster } from './cluster.js';
import { databaseUrl, testServerVariable, testTemplateVariable } from './test-server.js';

// Jest loads setup and teardown as two module graphs of one process: only the global object is common to both.
const run = globalThis as { sessionLedgerTestCluster?: Cluster };

/** Starts the run's PostgreSQL (or takes TEST_DATABASE_URL) and migrates the template every spec file clones. */
export async function provideDatabase(): Promise<void> {
  const external = process.env['TEST_DATABASE_URL'];
  if (external === undefined) run.sessionLedgerTestCluster = await startCluster();
  const serverUrl = external ?? run.sessionLedgerTestCluster?.url ?? '';
  const template = `ledger_template_${randomBytes(6).toString('hex')}`;
  try {
    await onServer(serverUrl, `CREATE DATABASE ${template} TEMPLATE template0 ENCODING 'UTF8'`);
    await migrate({ url: databaseUrl(serverUrl, template) });
    // Nobody may connect to a template while it is cloned: PostgreSQL would refuse the clone.
    await onServer(serverUrl, `ALTER DATABASE ${template} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`);
  } catch (failure) {
    if (external !== undefined) await onServer(serverUrl, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
    await run.sessionLedgerTestCluster?.stop();
    throw failure;
  }
  process.env[testServerVariable] = serverUrl;
  process.env[testTemplateVariable] = template;
}

/** Stops the run's own PostgreSQL; on a server that was lent, takes back only what this run made. */
export async function withdrawDatabase(): Promise<void> {
  if (run.sessionLedgerTestCluster) {
    await run.sessionLedgerTestCluster.stop();
    return;
  }
  const serverUrl = process.env[testServerVariable] ?? '';
  const template = process.env[testTemplateVariable] ?? '';
  await onServer(serverUrl, `ALTER DATABASE ${template} WITH IS_TEMPLATE false`);
  await onServer(serverUrl, `DROP DATABASE ${template}`);
}

async function onServer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
