import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SigningKey } from '../../src/seal/signing-key.js';
import { TestWitness } from '../seal/test-witness.js';
import { until } from '../seal/until.js';
import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

const origin = 'ledger.example/service';

describe('the seals of a service', () => {
  let service: TestService | undefined;
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'service-seals-'));
  });
  afterEach(async () => {
    await service?.stop();
    service = undefined;
    rmSync(folder, { recursive: true });
  });

  it('are made within a second of each event, by default', async () => {
    service = await startTestService();
    await sealed();
    const openings = Array.from({ length: 6 }, async (_, at) => {
      await new Promise((resolve) => setTimeout(resolve, at * 170));
      await open(`user-${at}`);
    });
    await Promise.all(openings);
    await sealed();
    const [slowest] = (
      await service.owner.query<{ seconds: number }>(
        `SELECT max(extract(epoch FROM h.sealed_at - e.recorded_at))::float8 AS seconds FROM session_ledger.event e
          CROSS JOIN LATERAL (SELECT sealed_at FROM session_ledger.tree_head WHERE last_seq >= e.seq ORDER BY size LIMIT 1) h
          WHERE e.kind = 'created'`,
      )
    ).rows;
    expect(slowest!.seconds).toBeLessThan(1);
  });

  it('are told to a scraper: how far they are, what failed, and how far the auditor has come', async () => {
    service = await startTestService();
    await sealed();
    await open('alice');
    await sealed();
    await until(async () => (await metric('audit_rounds')) >= 1);
    expect(await metric('seal_lag_seconds')).toBe(0);
    expect(await metric('sealed_events')).toBeGreaterThan(3);
    await until(async () => (await metric('published_events')) === (await metric('sealed_events')));
    expect(await metric('audit_faults_total')).toBe(0);
    expect(await metric('late_rows_total')).toBe(0);
    expect(await metric('broken_seals_total')).toBe(0);
    const kept = path.join(service.dataDir, 'audit-position.json');
    await until(async () => (JSON.parse(readFileSync(kept, 'utf8')) as { rounds: number }).rounds === 1);
  });

  it('lag behind, and say so, where nobody seals', async () => {
    service = await startTestService({ SESSION_LEDGER_SEAL: 'off' });
    await open('alice');
    expect(await metric('seal_lag_seconds')).toBeGreaterThan(0);
    expect(await metric('sealed_events')).toBe(0);
  });

  it.each(['KEY', 'KEY_FILE', 'KEY_COMMAND'])('are signed with the key in SESSION_LEDGER_SEAL_%s', async (form) => {
    const key = SigningKey.generate(origin);
    const file = keyFile(key);
    const value = { KEY: key.toPem(), KEY_FILE: file, KEY_COMMAND: `cat ${file}` }[form]!;
    service = await startTestService({ [`SESSION_LEDGER_SEAL_${form}`]: value, SESSION_LEDGER_ORIGIN: origin });
    await sealed();
    expect((await keys()).trim()).toBe(key.vkey);
  });

  it('are signed by a command with a key that it does not show, and by none whose signature does not hold', async () => {
    const [key, other] = [SigningKey.generate(origin), SigningKey.generate(origin)];
    const settings = (signer: SigningKey): Record<string, string> => ({
      SESSION_LEDGER_ORIGIN: origin,
      SESSION_LEDGER_SEAL_PUBLIC_KEY: execFileSync('openssl', ['pkey', '-pubout'], {
        input: key.toPem(),
        encoding: 'utf8',
      }),
      // openssl signs Ed25519 from a file alone.
      SESSION_LEDGER_SEAL_SIGN_COMMAND: `cat >${folder}/text && openssl pkeyutl -sign -inkey ${keyFile(signer)} -rawin -in ${folder}/text | base64 -w0`,
    });
    service = await startTestService(settings(other));
    await until(async () =>
      service!.log.some((line) => line.includes('no Ed25519 signature of the text by the public key')),
    );
    expect(await clientOf(service.address).get('/v1/ledger/checkpoint')).toMatchObject({ status: 404 });
    await service.stop();
    service = await startTestService(settings(key));
    await sealed();
    expect((await keys()).trim()).toBe(key.vkey);
  });

  it('are made by one of two instances that each made a key when they were started first; the other says once that it does not', async () => {
    service = await startTestService({ SESSION_LEDGER_SEAL: 'off' });
    const instance = async (name: string): Promise<{ stop(): Promise<void> }> => {
      const dataDir = path.join(folder, name);
      mkdirSync(dataDir);
      const key = SigningKey.generate('session-ledger').toPem();
      writeFileSync(path.join(dataDir, 'seal-key.pem'), key, { mode: 0o600 });
      return service!.another({ SESSION_LEDGER_SEAL: 'on', SESSION_LEDGER_DATA_DIR: dataDir });
    };
    const first = await instance('first');
    await sealed();
    const second = await instance('second');
    await first.stop();
    const said = (text: string): string[] => service!.log.filter((line) => line.includes(text));
    await until(async () => said('this instance does not seal').length > 0);
    await second.stop();
    expect(said('this instance does not seal')).toHaveLength(1);
    expect(said('could not seal')).toEqual([]);
  });

  it('hold a key in the data directory that nobody else can read', async () => {
    service = await startTestService();
    await sealed();
    const file = path.join(service.dataDir, 'seal-key.pem');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    chmodSync(file, 0o644);
    await expect(service.another({ SESSION_LEDGER_DATA_DIR: service.dataDir })).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION',
      message: expect.stringMatching(/others than its owner can read .*: chmod 600 /),
    });
  });

  it('go on while a witness hangs and a time-stamping authority is gone', async () => {
    const key = SigningKey.generate(origin);
    const witness = await TestWitness.start(key.vkey);
    witness.mood = 'hangs';
    service = await startTestService({
      SESSION_LEDGER_SEAL_KEY: key.toPem(),
      SESSION_LEDGER_ORIGIN: origin,
      SESSION_LEDGER_WITNESSES: `${witness.vkey} ${witness.url}`,
      SESSION_LEDGER_WITNESS_EVERY: '1',
      SESSION_LEDGER_TSA_URL: 'http://127.0.0.1:9/tsr',
      SESSION_LEDGER_TSA_EVERY: '1',
      SESSION_LEDGER_PUBLISH_EVERY_MS: '50',
    });
    await until(async () => witness.requests.length > 0);
    await open('alice');
    await sealed();
    await until(async () => (await metric('seal_failures_total{work="timestamp",code="ERR_OUTSIDE_UNAVAILABLE"}')) > 0);
    expect(readdirSync(path.join(service.dataDir, 'ledger'))).toContain('checkpoint');
    await service.stop();
    service = undefined;
    await witness.stop();
  });

  function keyFile(key: SigningKey): string {
    const file = path.join(folder, `${key.verifierKey.keyId}.pem`);
    writeFileSync(file, key.toPem(), { mode: 0o600 });
    return file;
  }

  async function open(userId: string): Promise<void> {
    await clientOf(service!.address, service!.adminKey).post('/v1/sessions', { userId });
  }

  async function sealed(): Promise<void> {
    await until(async () => {
      const { rows } = await service!.owner.query<{ done: boolean }>(
        `SELECT (SELECT max(seq) FROM session_ledger.event)
              = (SELECT max(h.last_seq) FROM session_ledger.tree_head h JOIN session_ledger.published_checkpoint USING (size)) AS done`,
      );
      return rows[0]!.done;
    });
  }

  async function keys(): Promise<string> {
    return (await clientOf(service!.address).get('/v1/ledger/key')).text;
  }

  async function metric(name: string): Promise<number> {
    const { text } = await clientOf(service!.address).get('/metrics');
    const line = text.split('\n').find((each) => each.startsWith(`session_ledger_${name} `));
    return Number(line?.slice(line.lastIndexOf(' ')) ?? Number.NaN);
  }
});
