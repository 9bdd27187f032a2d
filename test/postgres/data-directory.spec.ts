import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openDataDirectory, readAdminKey, writeAdminKey } from '../../src/postgres/data-directory.js';
import { processStart } from '../../src/postgres/process-start.js';
import { publishRuntimeRecord, readRuntimeRecord, withdrawRuntimeRecord } from '../../src/postgres/runtime-record.js';
import { makeFolder, newDataDirectory, removeDataDirectories } from './data-directories.js';

afterAll(removeDataDirectories);

const record = { port: 3000, databaseUrl: 'postgres://ledger:secret@127.0.0.1:5432/session_ledger' };

describe('the data directory', () => {
  it('is made for its owner alone, parents included as usual, and known by its real path', async () => {
    const folder = await makeFolder();
    const dataDir = await openDataDirectory(path.join(folder, 'new', '..', 'new', 'data'));
    expect(dataDir).toBe(path.join(folder, 'new', 'data'));
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect((await stat(path.dirname(dataDir))).mode & 0o777).toBe(0o777 & ~process.umask());
    await chmod(dataDir, 0o750);
    expect(await openDataDirectory(dataDir)).toBe(dataDir);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o750);
  });

  it('keeps the admin key in one line that only its owner can read, and replaces it whole', async () => {
    const dataDir = await openDataDirectory(await newDataDirectory());
    expect(await readAdminKey(dataDir)).toBeUndefined();
    await writeAdminKey(dataDir, 'first');
    await writeAdminKey(dataDir, 'second');
    expect(await readAdminKey(dataDir)).toBe('second');
    expect(await readFile(path.join(dataDir, 'admin-key'), 'utf8')).toBe('second\n');
    expect((await stat(path.join(dataDir, 'admin-key'))).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(['admin-key']);
  });
});

describe('runtime.json', () => {
  it('tells of the running instance until that withdraws it', async () => {
    const dataDir = await openDataDirectory(await newDataDirectory());
    expect(await publishRuntimeRecord(dataDir, record)).toBe(true);
    expect(await readRuntimeRecord(dataDir)).toEqual({ ...record, pid: process.pid });
    expect(JSON.parse(await readFile(path.join(dataDir, 'runtime.json'), 'utf8'))).toMatchObject({
      ...record,
      pid: process.pid,
    });
    expect((await stat(path.join(dataDir, 'runtime.json'))).mode & 0o777).toBe(0o600);
    await withdrawRuntimeRecord(dataDir);
    expect(await readRuntimeRecord(dataDir)).toBeUndefined();
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('is not believed, and replaced, when the instance that wrote it has died, even if its pid lives again', async () => {
    const dataDir = await openDataDirectory(await newDataDirectory());
    const left = { ...record, port: 4000, pid: process.ppid, processStart: 'an.earlier.start' };
    await writeFile(path.join(dataDir, 'runtime.json'), JSON.stringify(left));
    expect(await readRuntimeRecord(dataDir)).toBeUndefined();
    expect(await publishRuntimeRecord(dataDir, record)).toBe(true);
    expect((await readRuntimeRecord(dataDir))?.port).toBe(3000);
  });

  it('is left alone by a second instance while the first one lives', async () => {
    const dataDir = await openDataDirectory(await newDataDirectory());
    await publishRuntimeRecord(dataDir, record);
    const own = JSON.parse(await readFile(path.join(dataDir, 'runtime.json'), 'utf8')) as Record<string, unknown>;
    const first = { ...own, pid: process.ppid, processStart: await processStart(process.ppid) };
    await writeFile(path.join(dataDir, 'runtime.json'), JSON.stringify(first));
    expect(await publishRuntimeRecord(dataDir, { ...record, port: 4000 })).toBe(false);
    await withdrawRuntimeRecord(dataDir);
    expect(await readRuntimeRecord(dataDir)).toEqual({ ...record, pid: process.ppid });
  });
});
