import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SigningKey } from '../../src/seal/signing-key.js';
import { changeAsOwner, origin, sealAndStop, setUpSealedLedger, type SealedLedger } from '../seal/sealed-ledger.js';
import { instant, leavesOfDay } from '../seal/made-day.js';
import { evidenceOfYes } from '../seal/made-evidence.js';
import { MadeLog } from '../seal/made-log.js';
import { alice, morning } from '../seal/made-morning.js';
import { sessionLedger } from './command.js';

describe('session-ledger verify', () => {
  let ledger: SealedLedger;
  let key: string;

  beforeAll(async () => {
    ledger = await setUpSealedLedger();
    key = SigningKey.fromPem(origin, ledger.signingKey).vkey;
    await ledger.recordSessions(10);
    await sealAndStop(ledger);
  });
  afterAll(async () => ledger.close());

  it('says of a ledger that holds how much was checked, live and as it was published, and ends with 0', async () => {
    const holds = `${origin}: 33 events, each as it was sealed, under 1 signed checkpoints\n`;
    const live = await sessionLedger(['verify', '--database-url', ledger.database.url, '--key', key]);
    expect(live).toEqual({ code: 0, out: holds, err: '' });
    expect(await sessionLedger(['verify', '--directory', ledger.directory, '--key', key])).toEqual({
      code: 0,
      out: holds,
      err: '',
    });
  });

  it('takes keys and kept checkpoints from files, and warns where the only keys are the ones it checks', async () => {
    const kept = join(ledger.directory, 'checkpoint');
    const words = ['verify', '--directory', ledger.directory, '--checkpoint', kept];
    expect(await sessionLedger([...words, '--key', join(ledger.directory, 'keys')])).toMatchObject({
      code: 0,
      err: '',
    });
    expect(await sessionLedger(words)).toMatchObject({
      code: 0,
      err: expect.stringMatching(/keys were taken from the ledger itself/),
    });
  });

  it('names the first place that does not hold, and ends with 3', async () => {
    await changeAsOwner(ledger, 'event', `UPDATE session_ledger.event SET recorded_by = 2 WHERE seq = 20`);
    const changed = await sessionLedger(['verify', '--database-url', ledger.database.url, '--key', key, '--json']);
    expect(changed.code).toBe(3);
    expect(JSON.parse(changed.out)).toMatchObject({
      holds: false,
      faults: [expect.stringMatching(/^leaf 19 is not what was sealed/)],
    });
    const stranger = SigningKey.generate(origin).vkey;
    const foreign = await sessionLedger(['verify', '--directory', ledger.directory, '--key', stranger]);
    expect(foreign).toMatchObject({ code: 3, out: expect.stringMatching(/not signed by a key you trust/) });
  });

  it('ends with 1 when nothing could be checked, so that a wrong path is no verdict', async () => {
    expect(await sessionLedger(['verify', '--directory', '/nowhere', '--key', key])).toMatchObject({
      code: 1,
      out: '',
    });
    const file = join(ledger.directory, 'no-evidence.json');
    await writeFile(file, await readFile(join(ledger.directory, 'checkpoint')));
    expect(await sessionLedger(['verify', '--bundle', file, '--key', key])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/is not an evidence file: it is not JSON/),
    });
    await writeFile(file, '{"format":"session-ledger-evidence@v1"}');
    expect(await sessionLedger(['verify', '--bundle', file, '--key', key])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/not an evidence file: the file lacks says \(ERR_EVIDENCE_MALFORMED\)/),
    });
  });

  it('says of an evidence file what it proves and what is left to be believed, and ends with 3 when it proves nothing', async () => {
    const log = new MadeLog(leavesOfDay(morning));
    const evidence = await evidenceOfYes(log, { ...alice, at: instant('09:15:00'), applications: ['web'] });
    const file = join(ledger.directory, 'evidence.json');
    await writeFile(file, JSON.stringify(evidence));
    const words = ['verify', '--bundle', file, '--key', log.keys[0]!];
    const { code, out } = await sessionLedger(words);
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'Proven by events under the checkpoint of ledger.example/made over 13 events:',
      '  - alice (realm default) was logged in at 2026-03-04T09:15:00.000000Z',
      expect.stringMatching(/^ {2}- session \S+ in web: opened at .*; from where is not disclosed \(client 2\)$/),
      'Left to be believed:',
      expect.stringMatching(/^ {2}- that the ledger holds each number within a session once/),
      '  - that the application told the ledger the truth',
      '',
    ]);
    await writeFile(file, JSON.stringify({ ...evidence, answer: { ...evidence.answer, userId: 'carol' } }));
    expect(await sessionLedger(words)).toMatchObject({
      code: 3,
      out: expect.stringMatching(/does not hold:\n {2}- answer.userId/),
    });
  });

  it('refuses to pass over a kept checkpoint or a directory beside an evidence file', async () => {
    const words = ['verify', '--bundle', 'evidence.json', '--key', key];
    const kept = join(ledger.directory, 'checkpoint');
    expect(await sessionLedger([...words, '--checkpoint', kept])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/--checkpoint does not go with --bundle/),
    });
    expect(await sessionLedger([...words, '--directory', ledger.directory])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/give --bundle or --directory/),
    });
  });
});
