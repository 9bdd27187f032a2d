import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { readEnvironment } from '../../src/environment.js';
import { provideAdminKey } from '../../src/main/admin-key.js';
import { welcome } from '../../src/main/welcome.js';
import { recordBootstrapKey } from '../../src/operator/bootstrap-key.js';
import { superuserOf } from '../ledger/session-writer.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

describe('the first admin key', () => {
  let database: TestDatabase;
  let writer: DataSource;
  let folder: string;

  beforeEach(async () => {
    database = await createTestDatabase();
    writer = await superuserOf(database, 4);
    folder = mkdtempSync(path.join(tmpdir(), 'admin-key-'));
  });
  afterEach(async () => {
    await writer.destroy();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is one, when two instances with data directories of their own start at once; the other keeps none that opens nothing', async () => {
    const directories = ['one', 'other'].map((name) => mkdtempSync(path.join(folder, name)));
    const files = directories.map((directory) => path.join(directory, 'admin-key'));
    const lock = writer.createQueryRunner();
    await lock.query(`SELECT pg_advisory_lock(hashtextextended('session_ledger.bootstrap_key', 0))`);
    const starting = directories.map((directory) => provideAdminKey(writer, readEnvironment({}), directory));
    while (!files.every((file) => existsSync(file))) await sleep(10);
    await lock.query('SELECT pg_advisory_unlock_all()');
    await lock.release();
    const places = await Promise.all(starting);
    const first = places.findIndex((place) => place !== undefined);
    expect(places).toEqual(files.map((file, index) => (index === first ? { file } : undefined)));
    expect(files.map((file) => existsSync(file))).toEqual(files.map((_, index) => index === first));
    const key = readFileSync(files[first]!, 'utf8').trim();
    expect(await recordBootstrapKey(writer, key, 'first start')).toBe('known');
    // Whoever starts there again finds that it lies elsewhere.
    expect(await provideAdminKey(writer, readEnvironment({}), directories[1 - first]!)).toBeUndefined();
  });

  it('given in a file is pasted from that file, and given in the environment from there', async () => {
    const file = path.join(folder, 'key');
    writeFileSync(file, `${'k'.repeat(40)}\n`);
    const fromFile = readEnvironment({ SESSION_LEDGER_ADMIN_KEY_FILE: file });
    const place = await provideAdminKey(writer, fromFile, folder);
    expect(welcome('http://127.0.0.1:3000', place)).toContain(`Bearer $(cat '${file}')`);
    const given = readEnvironment({ SESSION_LEDGER_ADMIN_KEY: 'v'.repeat(40) });
    expect(welcome('http://127.0.0.1:3000', await provideAdminKey(writer, given, folder))).toContain(
      'Bearer $SESSION_LEDGER_ADMIN_KEY"',
    );
    await expect(provideAdminKey(writer, fromFile, folder)).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION',
      message: expect.stringContaining(file),
    });
  });
});
