import pg from 'pg';
import { createEmptyDatabase, createTestDatabase } from './database.js';

describe('databases of the tests', () => {
  it('hold the whole schema, except the empty ones', async () => {
    const [migrated, empty] = [await createTestDatabase(), await createEmptyDatabase()];
    try {
      expect(await tablesOf(migrated.url)).toEqual(expect.arrayContaining(['event', 'session', 'subject', 'client']));
      expect(await tablesOf(empty.url)).toEqual([]);
    } finally {
      await migrated.drop();
      await empty.drop();
    }
  });

  it('gives each spec file a database of its own, and takes it back', async () => {
    const first = await createTestDatabase();
    const second = await createEmptyDatabase();
    const client = new pg.Client({ connectionString: first.url });
    await client.connect();
    try {
      const { rows } = await client.query(
        'SELECT current_database() AS name, usesuper FROM pg_user WHERE usename = current_user',
      );
      expect(rows).toEqual([{ name: first.name, usesuper: true }]);
      expect(second.name).not.toBe(first.name);
    } finally {
      await client.end();
      await first.drop();
      await second.drop();
    }
  });
});

async function tablesOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ relname: string }>(
      "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('session_ledger') AND relkind IN ('r', 'p')",
    );
    return rows.map(({ relname }) => relname);
  } finally {
    await client.end();
  }
}
