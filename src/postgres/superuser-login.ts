import pg from 'pg';

/** The URL with which the superuser logs in to a database of a server on 127.0.0.1. */
export function superuserUrl(port: number, password: string, database: string): string {
  return `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}

const dataDirectorySql = 'SHOW data_directory';

/**
 * Logs in to whatever listens on the port and asks which directory it serves. That it takes our password and names our
 * directory is what tells our server from one that merely got the same port.
 */
export async function askDataDirectory(port: number, password: string): Promise<string | undefined> {
  const client = new pg.Client({
    connectionString: superuserUrl(port, password, 'postgres'),
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
  });
  // The server may end the idle connection between two calls; the call that notices rejects and says so.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>(dataDirectorySql);
    return rows[0]?.data_directory;
  } finally {
    await client.end();
  }
}
