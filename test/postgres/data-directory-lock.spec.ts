import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lockDataDirectory } from '../../src/postgres/data-directory-lock.js';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-server.js';
import { makeFolder, newDataDirectory, query, removeDataDirectories } from './data-directories.js';
import { startServerProcess } from './server-process.js';

afterAll(removeDataDirectories);

describe('a data directory', () => {
  it('is refused to a second process, and told which one has it and what to do, while the first one lives', async () => {
    const dataDir = await newDataDirectory();
    const first = await startServerProcess(dataDir);
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
      code: 'ERR_DATA_DIRECTORY_IN_USE',
      message: expect.stringMatching(
        new RegExp(`in use by process ${first.pid}; stop it, .*SESSION_LEDGER_DATA_DIR .*DATABASE_URL .*runtime.json`),
      ),
    });
    expect(await query(first.url ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await first.stop();
    const next = await startEmbeddedPostgres({ dataDir });
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(/in use by this process/);
    await next.stop();
  });

  it('goes to exactly one of several processes that start on it together', async () => {
    const dataDir = await newDataDirectory();
    const processes = await Promise.all([1, 2, 3, 4].map(() => startServerProcess(dataDir)));
    expect(processes.filter(({ url }) => url !== undefined)).toHaveLength(1);
    expect(processes.filter(({ code }) => code === 'ERR_DATA_DIRECTORY_IN_USE')).toHaveLength(3);
    await Promise.all(processes.map((each) => each.stop()));
  });

  it('is free when the pid of a killed holder was given to another process', async () => {
    const dataDir = await makeFolder();
    await writeFile(path.join(dataDir, `lock-${process.ppid}-an.earlier.start`), '');
    const lock = await lockDataDirectory(dataDir);
    const held = await readdir(dataDir);
    await lock.release();
    expect(held).toEqual([expect.stringContaining(`lock-${process.pid}-`)]);
    expect(await readdir(dataDir)).toEqual([]);
  });
});
