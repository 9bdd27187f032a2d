import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyLog } from '../../src/seal/verifier.js';
import { logInDirectory } from '../../src/seal/verify-directory.js';
import { until } from '../seal/until.js';
import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

/** The procedures of docs/operator.md, "The seal", step by step. */
describe('an operator', () => {
  let service: TestService;
  let folder: string;
  let settings: Record<string, string>;
  const origin = 'ledger.example/bank';

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'seal-procedures-'));
    service = await startTestService({ SESSION_LEDGER_SEAL: 'off' });
    settings = {
      SESSION_LEDGER_SEAL: 'on',
      SESSION_LEDGER_ORIGIN: origin,
      SESSION_LEDGER_SEAL_DIR: path.join(folder, 'published'),
      SESSION_LEDGER_SEAL_KEY_FILE: keyFile('first', origin),
    };
  });
  afterEach(async () => {
    await service.stop();
    rmSync(folder, { recursive: true });
  });

  it('changes the key: both sign for a while, and whoever trusts the old one finds the checkpoint that says the new one is meant', async () => {
    await during(settings, sealedOnce);
    const next = keyFile('next', origin);
    await during({ ...settings, SESSION_LEDGER_SEAL_NEXT_KEY_FILE: next }, sealedOnce);
    const sealing = await during({ ...settings, SESSION_LEDGER_SEAL_KEY_FILE: next }, async (address) => {
      await sealedOnce(address);
      const { items } = (await clientOf(address).get('/v1/ledger/keys')).body as never as {
        items: { vkey: string; firstSize: number }[];
      };
      const joint = await clientOf(address).get(`/v1/ledger/checkpoints/${items[1]!.firstSize}`);
      return { items, joint: joint.text };
    });

    expect(sealing.items.map(({ vkey }) => vkey)).toEqual([vkeyIn('first', origin), vkeyIn('next', origin)]);
    expect(
      sealing.joint
        .trim()
        .split('\n')
        .slice(-2)
        .every((line) => line.startsWith('\u2014 ')),
    ).toBe(true);
    const joint = path.join(folder, 'joint');
    writeFileSync(joint, sealing.joint);
    const published = await logInDirectory(settings['SESSION_LEDGER_SEAL_DIR']!);
    const verdict = await verifyLog(published, {
      keys: [vkeyIn('next', origin)],
      keptCheckpoints: [sealing.joint],
    });
    expect(verdict).toMatchObject({ holds: true });
  });

  it('opens a new origin: keeps the old directory as evidence, and the first leaf of the new log says how the old one ended', async () => {
    await during(settings, sealedOnce);
    const [published, evidence] = [settings['SESSION_LEDGER_SEAL_DIR']!, path.join(folder, 'published-until-restore')];
    renameSync(published, evidence);
    const second = `${origin}-2`;
    const goingOn = {
      ...settings,
      SESSION_LEDGER_ORIGIN: second,
      SESSION_LEDGER_PREVIOUS_CHECKPOINT_FILE: path.join(evidence, 'signed'),
    };
    await during(goingOn, sealedOnce);

    const keys = [vkeyIn('first', second)];
    expect(await verifyLog(await logInDirectory(published), { keys })).toMatchObject({ holds: true, origin: second });
    const { rows } = await service.owner.query<{ previous: string }>(
      `SELECT detail ->> 'previousCheckpoint' AS previous FROM session_ledger.event WHERE kind = 'origin_opened'`,
    );
    expect(rows).toEqual([{ previous: readFileSync(path.join(evidence, 'signed'), 'utf8') }]);
    expect(existsSync(path.join(evidence, 'checkpoint'))).toBe(true);
  });

  it('moves to another directory, or brings a lost one back with the newest checkpoint that anybody keeps', async () => {
    const kept = await during(settings, async (address) => {
      await sealedOnce(address);
      return (await clientOf(address).get('/v1/ledger/checkpoint')).text;
    });
    const other = path.join(folder, 'other');
    const moved = { ...settings, SESSION_LEDGER_SEAL_DIR: other };
    await during(moved, () => until(async () => service.log.some((line) => line.includes('does not know it'))));

    mkdirSync(other, { recursive: true });
    writeFileSync(path.join(other, 'signed'), kept);
    await during(moved, sealedOnce);
    expect(await verifyLog(await logInDirectory(other), { keys: [vkeyIn('first', origin)] })).toMatchObject({
      holds: true,
    });
  });

  function keyFile(name: string, under: string): string {
    const file = path.join(folder, `${name}.pem`);
    if (!existsSync(file)) writeFileSync(file, SigningKey.generate(under).toPem(), { mode: 0o600 });
    return file;
  }

  function vkeyIn(name: string, under: string): string {
    return SigningKey.fromPem(under, readFileSync(keyFile(name, under), 'utf8')).vkey;
  }

  /** An instance with these settings, for as long as something is done. */
  async function during<Result>(
    variables: Record<string, string>,
    work: (address: string) => Promise<Result>,
  ): Promise<Result> {
    const instance = await service.another({ ...variables, SESSION_LEDGER_PUBLISH_EVERY_MS: '50' });
    try {
      return await work(instance.address);
    } finally {
      await instance.stop();
    }
  }

  /** Something new is recorded, and sealed, and published with all its files. */
  async function sealedOnce(address: string): Promise<void> {
    await clientOf(address, service.adminKey).post('/v1/sessions', { userId: `user-${Math.random()}` });
    await until(async () => {
      const { rows } = await service.owner.query<{ size: string }>('SELECT count(*) AS size FROM session_ledger.event');
      const { text } = await clientOf(address).get('/v1/ledger/checkpoint');
      return text.split('\n')[1] === rows[0]!.size;
    });
  }
});
