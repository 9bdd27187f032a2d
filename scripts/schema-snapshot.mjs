// Writes migrations/schema.sql: the schema that the migrations make, for people to read and for reviews to compare.
// With --check it writes nothing and fails when the file is not what the migrations make now.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { tsImport } from 'tsx/esm/api';
import { printSchema } from './print-schema.mjs';

const file = path.resolve(import.meta.dirname, '..', 'migrations', 'schema.sql');
const header = `-- The schema of the ledger as the migrations make it on an empty database, on PostgreSQL 18 with the role prefix
-- session_ledger. Written by scripts/schema-snapshot.mjs, never by hand. Monthly partitions are left out.

`;

const printed = header + (await schemaOfEmptyDatabase());
if (process.argv.includes('--check')) {
  process.exitCode = report(readFileSync(file, 'utf8'), printed);
} else {
  writeFileSync(file, printed);
  console.log(`migrations/schema.sql: ${printed.split('\n').length} lines`);
}

async function schemaOfEmptyDatabase() {
  const { startCluster } = await tsImport('../test/setup/cluster.ts', import.meta.url);
  const { migrate } = await tsImport('../src/ledger/migrate.ts', import.meta.url);
  const cluster = await startCluster();
  try {
    await migrate({ url: cluster.url });
    const client = new pg.Client({ connectionString: cluster.url });
    await client.connect();
    const schema = await printSchema(client);
    await client.end();
    return schema;
  } finally {
    await cluster.stop();
  }
}

/** Says where the two part; returns the exit code. */
function report(written, made) {
  if (written === made) {
    console.log('migrations/schema.sql is what the migrations make');
    return 0;
  }
  const before = written.split('\n');
  const after = made.split('\n');
  const at = after.findIndex((line, index) => line !== before[index]);
  console.error(`migrations/schema.sql is not what the migrations make; run: node scripts/schema-snapshot.mjs
line ${at + 1} reads:     ${before[at] ?? '(end of file)'}
it should read: ${after[at] ?? '(end of file)'}`);
  return 1;
}
