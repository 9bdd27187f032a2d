import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LogBucket } from '../../src/seal/log-bucket.js';
import { LogDirectory } from '../../src/seal/log-directory.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyLog, type LogVerdict } from '../../src/seal/verifier.js';
import { logInDirectory } from '../../src/seal/verify-directory.js';
import { ObjectStore } from './object-store.js';
import { changeAsOwner, origin, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';
import { until } from './until.js';

describe('a log in a bucket', () => {
  let ledger: SealedLedger;
  let store: ObjectStore;
  let copy: string;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    store = await ObjectStore.start('ledgers');
    process.env['AWS_ACCESS_KEY_ID'] = store.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = store.secretAccessKey;
    copy = await mkdtemp(join(tmpdir(), 'bucket-copy-'));
  });
  afterEach(async () => {
    await ledger.close();
    await store.stop();
    await rm(copy, { recursive: true });
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
  });

  it('is the log that verifiers read; what is final is locked, and so is each signed checkpoint', async () => {
    await ledger.recordSessions(100);
    await sealAndStop(ledger, { places: [bucket()] });
    await ledger.recordSessions(100);
    await sealAndStop(ledger, { places: [bucket()] });

    expect(store.refusals).toEqual([]);
    expect(await verifiedCopy()).toMatchObject({ holds: true, size: 603 });
    const locked = [...store.versions].flatMap(([key, versions]) =>
      versions.map(({ lock }) => [key, lock?.mode] as const),
    );
    const named = (name: string): unknown[] => locked.filter(([key]) => key === `bank/${name}`).map(([, mode]) => mode);
    expect(named('checkpoints/0000000000000303')).toEqual(['COMPLIANCE']);
    expect(named('checkpoints/0000000000000603')).toEqual(['COMPLIANCE']);
    expect(named('tile/entries/000')).toEqual(['COMPLIANCE']);
    expect(named('tile/0/001')).toEqual(['COMPLIANCE']);
    expect(named('tile/0/002.p/91')).toEqual([undefined]);
    expect(named('checkpoint')).toEqual([undefined, undefined]);
  });

  it('lets instances without a common directory take over from each other', async () => {
    await sealAndStop(ledger, { places: [new LogDirectory(ledger.directory), bucket()] });
    await ledger.recordSessions(1);
    await sealAndStop(ledger, { places: [new LogDirectory(copy), bucket()] });
    expect(store.text('bank/checkpoint')?.split('\n')[1]).toBe('6');
  });

  it('convicts a database that is behind it, also when the pointer to the newest checkpoint was turned back', async () => {
    await sealAndStop(ledger, { places: [bucket()] });
    const older = store.versions.get('bank/checkpoint')!;
    await ledger.recordSessions(2);
    await sealAndStop(ledger, { places: [bucket()] });
    store.versions.set('bank/checkpoint', older);
    for (const table of ['published_checkpoint', 'tree_head'])
      await changeAsOwner(ledger, table, `DELETE FROM session_ledger.${table} WHERE size > 2`);
    await expect(ledger.sealer({ places: [bucket()] }).sealOnce()).rejects.toThrow(
      /refusing to seal: the database has 2 sealed events and its last published checkpoint has 9/,
    );
  });

  it('holds no seal up on a bad day, and shows nothing that it does not keep', async () => {
    const failures: string[] = [];
    const places = [new LogDirectory(ledger.directory), bucket()];
    const onFailure = (_: unknown, work: string): void => void failures.push(work);
    const sealer = ledger.sealer({ places, everyMs: 5, publishEveryMs: 5, onFailure });
    await sealer.sealOnce();
    store.isDown = true;
    sealer.start();
    await ledger.recordSessions(2);
    await until(async () => (await counted('tree_head')) === 9 && failures.includes('publish'));
    expect(await counted('published_checkpoint')).toBe(2);
    store.isDown = false;
    await until(async () => (await counted('published_checkpoint')) === 9);
  });

  it('that hangs does not keep its sealer from stopping', async () => {
    const sealer = ledger.sealer({ places: [bucket()], everyMs: 5, publishEveryMs: 5 });
    await sealer.sealOnce();
    store.hangs = true;
    await ledger.recordSessions(1);
    sealer.start();
    await until(async () => store.hanging > 0);
    const begun = performance.now();
    await sealer.stop();
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('refuses a wrong secret by its signature, and the message names the bucket and no secret', async () => {
    process.env['AWS_SECRET_ACCESS_KEY'] = 'another';
    await expect(ledger.sealer({ places: [bucket()] }).sealOnce()).rejects.toMatchObject({
      code: 'ERR_OUTSIDE_UNAVAILABLE',
      message: expect.stringMatching(/^cannot list in the bucket ledgers\/bank\/ \(SignatureDoesNotMatch\)$/),
    });
  });

  it('is completed by the next sealer when one was killed in the middle of an upload', async () => {
    await ledger.recordSessions(100);
    await sealAndStop(ledger, { places: [bucket()] });
    await ledger.recordSessions(100);
    const keyFile = join(copy, 'key.pem');
    await writeFile(keyFile, ledger.signingKey, { mode: 0o600 });
    const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const program = join(import.meta.dirname, 'sealer-program.ts');
    const place = `${store.endpoint}/ledgers/bank/`;
    const words = ['--import', loader, program, ledger.database.url, keyFile, origin, place, 'some files'];
    const child = spawn(process.execPath, words, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env },
    });
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    expect(store.text('bank/checkpoint')?.split('\n')[1]).toBe('303');
    const sealer = ledger.sealer({ places: [bucket()] });
    await until(async () => {
      await sealer.sealOnce();
      return store.text('bank/checkpoint')?.split('\n')[1] === '603';
    });
    expect(await verifiedCopy()).toMatchObject({ holds: true, size: 603 });
  });

  function bucket(): LogBucket {
    const retention = { mode: 'COMPLIANCE', days: 30 } as const;
    const { endpoint } = store;
    return new LogBucket({
      bucket: 'ledgers',
      prefix: 'bank/',
      endpoint,
      region: 'eu-central-1',
      isPathStyle: true,
      retention,
    });
  }

  async function counted(table: string): Promise<number> {
    const [{ size }] = (await ledger.rows<{ size: number }>(
      `SELECT max(size)::int AS size FROM session_ledger.${table}`,
    )) as [{ size: number }];
    return size;
  }

  /** The bucket as somebody would download it. */
  async function verifiedCopy(): Promise<LogVerdict> {
    for (const [key, versions] of store.versions) {
      const file = join(copy, key.slice('bank/'.length));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, versions.at(-1)!.content);
    }
    return verifyLog(await logInDirectory(copy), { keys: [SigningKey.fromPem(origin, ledger.signingKey).vkey] });
  }
});
