import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findRunningEmbeddedPostgres, startEmbeddedPostgres } from '../../src/postgres/embedded-server.js';
import { makeFolder, newDataDirectory, postmasterPid, query, removeDataDirectories } from './data-directories.js';
import { startServerProcess } from './server-process.js';

let dataDir: string;

beforeAll(async () => {
  dataDir = await newDataDirectory(); // one for all: its cluster is made by the first test, and found by the others
});

afterAll(removeDataDirectories);

describe('the embedded PostgreSQL', () => {
  it('makes a durable cluster at the first start and finds its data at the second', async () => {
    const told: string[] = [];
    const first = await startEmbeddedPostgres({ dataDir, log: (line) => told.push(line) });
    const settings = await query(
      first.superuserUrl('postgres'),
      `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit',
         'data_checksums', 'server_encoding', 'listen_addresses', 'unix_socket_directories', 'TimeZone') ORDER BY name`,
    );
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      TimeZone: 'UTC',
      data_checksums: 'on',
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '127.0.0.1',
      server_encoding: 'UTF8',
      synchronous_commit: 'on',
      unix_socket_directories: '',
    });
    await query(first.superuserUrl('postgres'), 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();

    const second = await startEmbeddedPostgres({ dataDir, log: (line) => told.push(line) });
    expect(second.adopted).toBe(false);
    expect(await query(second.superuserUrl('postgres'), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    await second.stop();
    expect(told).toEqual([`Making a new PostgreSQL cluster in ${dataDir}/postgres`]);
  });

  it('lets in nobody without its random password, which only the owner of the data directory can read', async () => {
    const postgres = await startEmbeddedPostgres({ dataDir });
    const password = (await readFile(path.join(dataDir, 'postgres-password'), 'utf8')).trim();
    expect(postgres.superuserUrl('postgres')).toContain(password);
    for (const guess of ['postgres', '']) {
      const url = postgres.superuserUrl('postgres').replace(password, guess);
      await expect(query(url, 'SELECT 1')).rejects.toThrow(/password/);
    }
    expect((await stat(path.join(dataDir, 'postgres-password'))).mode & 0o777).toBe(0o600);
    expect((await stat(dataDir)).mode & 0o007).toBe(0);
    await postgres.stop();
  });

  it('is found by others while it runs, and neither its process nor its lock is left when it was stopped', async () => {
    expect(await findRunningEmbeddedPostgres(path.join(dataDir, 'not there'))).toBeUndefined();
    expect(await findRunningEmbeddedPostgres(dataDir)).toBeUndefined();
    const postgres = await startEmbeddedPostgres({ dataDir });
    const found = await findRunningEmbeddedPostgres(dataDir);
    expect(found?.superuserUrl('some other')).toBe(postgres.superuserUrl('some other'));
    await Promise.all([postgres.stop(), postgres.stop()]);
    expect(await findRunningEmbeddedPostgres(dataDir)).toBeUndefined();
    expect(await postmasterPid(path.join(dataDir, 'postgres'))).toBeUndefined();
    expect((await readdir(dataDir)).sort()).toEqual([
      'postgres',
      'postgres-password',
      'postgres.log',
      'postgres.log.previous',
    ]);
  });

  it("keeps serving when Ctrl-C reaches its process's whole group, until the process stops it and exits 0", async () => {
    const server = await startServerProcess(dataDir);
    process.kill(-server.pid, 'SIGINT');
    expect(await query(server.url ?? '', 'SELECT pg_sleep(0.2), 1 AS one')).toMatchObject([{ one: 1 }]);
    expect(await server.stop()).toBe(0);
    expect(await postmasterPid(path.join(dataDir, 'postgres'))).toBeUndefined();
  });

  it('keeps what a failed statement said about persons out of its log', async () => {
    const postgres = await startEmbeddedPostgres({ dataDir });
    const url = postgres.superuserUrl('postgres');
    await query(url, 'CREATE TABLE person (user_id text PRIMARY KEY)');
    const insert = () => query(url, 'INSERT INTO person VALUES ($1)', ['alice@example.com']);
    await insert();
    await expect(insert()).rejects.toThrow(/duplicate key/);
    await postgres.stop();
    const log = await readFile(path.join(dataDir, 'postgres.log'), 'utf8');
    expect(log).toContain('duplicate key');
    expect(log).not.toMatch(/alice|INSERT/);
  });

  it('shows the end of the log when the cluster does not start', async () => {
    const configuration = path.join(dataDir, 'postgres', 'postgresql.conf');
    const kept = await readFile(configuration, 'utf8');
    await writeFile(configuration, 'work_mem = plenty\n');
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
      code: 'ERR_EMBEDDED_POSTGRES',
      message: expect.stringMatching(/did not start in .*\/data\/postgres: .*exit code 1.*plenty/s),
    });
    await writeFile(configuration, kept);
    await (await startEmbeddedPostgres({ dataDir })).stop();
  });

  it('names the path where there is a file in place of the data directory', async () => {
    const file = path.join(await makeFolder(), 'data');
    await writeFile(file, '');
    await expect(startEmbeddedPostgres({ dataDir: file })).rejects.toMatchObject({
      code: 'ERR_DATA_DIRECTORY',
      message: expect.stringContaining(file),
    });
  });

  it('does not begin an empty ledger where a pointer names a cluster that is gone', async () => {
    await writeFile(path.join(dataDir, 'postgres-location'), '/nowhere/at/all\n');
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
      code: 'ERR_DATA_DIRECTORY',
      message: expect.stringContaining('/nowhere/at/all'),
    });
  });
});
