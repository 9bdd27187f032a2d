import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readEnvironment, type SealSettings } from '../src/environment.js';

function sealOf(variables: Record<string, string>): SealSettings {
  return readEnvironment(variables).seal;
}

describe('the settings of the seals', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'seal-settings-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const fileOf = (mode: number, text = 'the key\n'): string => {
    const file = path.join(folder, 'seal.pem');
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };

  it('all have a default: a seal within half a second, a checkpoint each second, no bucket, nobody who vouches', () => {
    expect(sealOf({})).toMatchObject({
      isOn: true,
      key: undefined,
      nextKey: undefined,
      directory: undefined,
      bucket: undefined,
      everyMs: 500,
      publishEveryMs: 1_000,
      auditedPerSecond: 5_000,
      timestamps: undefined,
      witnesses: [],
    });
  });

  it.each(['', 'NEXT_'])('take a %skey as text, from a file, from a command, or from a command that signs', (next) => {
    const key = (variables: Record<string, string>): unknown =>
      next === '' ? sealOf(variables).key : sealOf(variables).nextKey;
    const name = `SESSION_LEDGER_SEAL_${next}`;
    expect(key({ [`${name}KEY`]: 'first\\nsecond' })).toEqual({ pem: 'first\nsecond' });
    expect(key({ [`${name}KEY_FILE`]: fileOf(0o600) })).toEqual({ pem: 'the key' });
    expect(key({ [`${name}KEY_COMMAND`]: 'vault read' })).toEqual({ keyCommand: 'vault read' });
    expect(key({ [`${name}SIGN_COMMAND`]: 'kms sign', [`${name}PUBLIC_KEY`]: 'AAAA' })).toEqual({
      signCommand: 'kms sign',
      publicKey: 'AAAA',
    });
  });

  it.each(['KEY_FILE', 'NEXT_KEY_FILE'])(
    'refuse a file in %s that others can read, and say how to close it',
    (name) => {
      const file = fileOf(0o640);
      expect(() => sealOf({ [`SESSION_LEDGER_SEAL_${name}`]: file })).toThrow(
        `SESSION_LEDGER_SEAL_${name} names ${file}, which others than its owner can read: chmod 600 ${file}`,
      );
    },
  );

  it('refuse a key given twice, and a command that signs without the key it signs with', () => {
    expect(() => sealOf({ SESSION_LEDGER_SEAL_KEY: 'x', SESSION_LEDGER_SEAL_SIGN_COMMAND: 'y' })).toThrow(
      /SESSION_LEDGER_SEAL_KEY is given twice[^]*SESSION_LEDGER_SEAL_SIGN_COMMAND and SESSION_LEDGER_SEAL_PUBLIC_KEY belong together/,
    );
  });

  it('read a bucket, an authority and witnesses', () => {
    const settings = sealOf({
      SESSION_LEDGER_SEAL_BUCKET: 'ledgers',
      SESSION_LEDGER_SEAL_BUCKET_PREFIX: 'bank',
      SESSION_LEDGER_SEAL_BUCKET_LOCK: 'governance',
      SESSION_LEDGER_SEAL_BUCKET_LOCK_DAYS: '30',
      SESSION_LEDGER_SEAL_BUCKET_PATH_STYLE: 'true',
      SESSION_LEDGER_TSA_URL: 'https://tsa.example/tsr',
      SESSION_LEDGER_WITNESSES:
        'w.example/1+1b2c3d4e+BA== https://w.example/1/, w.example/2+1b2c3d4f+BA== http://w.example/2',
    });
    expect(settings.bucket).toEqual({
      name: 'ledgers',
      prefix: 'bank/',
      endpoint: undefined,
      region: undefined,
      isPathStyle: true,
      retention: { mode: 'GOVERNANCE', days: 30 },
    });
    expect(settings.timestamps).toEqual({ url: 'https://tsa.example/tsr', everySeconds: 60 });
    expect(settings.witnesses).toEqual([
      { vkey: 'w.example/1+1b2c3d4e+BA==', url: 'https://w.example/1' },
      { vkey: 'w.example/2+1b2c3d4f+BA==', url: 'http://w.example/2' },
    ]);
  });

  it('refuse addresses that are none, and witnesses without a key', () => {
    expect(() =>
      sealOf({
        SESSION_LEDGER_TSA_URL: 'ftp://tsa.example',
        SESSION_LEDGER_WITNESSES: 'https://w.example',
        SESSION_LEDGER_SEAL_BUCKET_LOCK_DAYS: '0',
      }),
    ).toThrow(
      /SESSION_LEDGER_SEAL_BUCKET_LOCK_DAYS[^]*SESSION_LEDGER_TSA_URL must[^]*SESSION_LEDGER_WITNESSES must list pairs/,
    );
  });
});
