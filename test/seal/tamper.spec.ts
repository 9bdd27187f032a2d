import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveLog } from '../../src/seal/live-log.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyLog, type LogVerdict } from '../../src/seal/verifier.js';
import { logInDirectory } from '../../src/seal/verify-directory.js';
import { openSession, recordSubject } from '../ledger/session-writer.js';
import { bucketOf } from '../../src/token/session-token.js';
import { changeAsOwner, origin, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';

const holds = { holds: true, faults: [] };

/** What whoever owns the tables can do to them, each with what the verifier says of it. */
const byOwner: [what: string, table: string, statements: string[], found: RegExp[]][] = [
  [
    'changes a row',
    'event',
    [`UPDATE session_ledger.event SET occurred_at = occurred_at - interval '1 minute' WHERE seq = 20`],
    [/^leaf 19 is not what was sealed there: event 20 \(\w+\) was changed/],
  ],
  [
    'changes a detail',
    'event',
    [
      `UPDATE session_ledger.event SET detail = detail || '{"acr": "high"}' WHERE seq = (SELECT min(seq) FROM session_ledger.event WHERE kind = 'created')`,
    ],
    [/^leaf 3 is not what was sealed there: event 4 \(created\) was changed/],
  ],
  ['deletes a row', 'event', ['DELETE FROM session_ledger.event WHERE seq = 20'], [/^leaf 19 is missing: the event/]],
  [
    'cuts off the end',
    'event',
    ['DELETE FROM session_ledger.event WHERE seq > 290'],
    [/^the checkpoint is over 303 events and only 290 are there: the end was cut off$/],
  ],
  [
    'inserts a row between sealed ones',
    'event',
    [
      'UPDATE session_ledger.event SET seq = 10000 WHERE seq = 20',
      `INSERT INTO session_ledger.event (seq, kind, bucket, occurred_at, recorded_by, detail) VALUES (20, 'policy_set', 0, now(), 1, '{"absoluteSeconds": 60}')`,
    ],
    [/^leaf 19 is not what was sealed there: event 20 \(policy_set\) was changed, or put in the place/],
  ],
  [
    'swaps two rows',
    'event',
    [
      'UPDATE session_ledger.event SET seq = 10000 WHERE seq = 20',
      'UPDATE session_ledger.event SET seq = 20 WHERE seq = 25',
      'UPDATE session_ledger.event SET seq = 25 WHERE seq = 10000',
    ],
    [/^leaf 19 is not what was sealed there/, /^leaf 24 is not what was sealed there/],
  ],
  [
    'edits a stored tile of leaf hashes',
    'tile',
    [
      `UPDATE session_ledger.tile SET hashes = set_byte(hashes, 64, get_byte(hashes, 64) # 1) WHERE level = 0 AND n = 0`,
    ],
    [
      /^the stored hash of leaf 2 \(event 3 \(application_recorded\)\) was changed; the events themselves are those that were signed/,
    ],
  ],
  [
    'edits a stored tile above the leaf hashes',
    'tile',
    [`UPDATE session_ledger.tile SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE level = 1`],
    [/^the stored tile 1\/0 was changed/],
  ],
  [
    'edits the list of which events are which leaves',
    'seal_run',
    ['UPDATE session_ledger.seal_run SET seq_first = seq_first + 1 WHERE leaf_first = 0'],
    [/^event 1 stands among sealed events and was never sealed/],
  ],
];

describe('the verifier', () => {
  let ledger: SealedLedger;
  let keys: string[];

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    keys = [SigningKey.fromPem(origin, ledger.signingKey).vkey];
    await ledger.recordSessions(60);
    await sealAndStop(ledger);
    await ledger.recordSessions(40);
    await sealAndStop(ledger);
  });
  afterEach(async () => ledger.close());

  it('finds nothing in a ledger that nobody changed, live and as it was published', async () => {
    expect(await live()).toMatchObject({ ...holds, size: 303, checkpoints: 2 });
    expect(await published()).toMatchObject({ ...holds, size: 303 });
  });

  it.each(byOwner)('finds out the owner who %s', async (_, table, statements, found) => {
    await changeAsOwner(ledger, table, ...statements);
    const { holds, faults } = await live();
    expect(holds).toBe(false);
    for (const sentence of found) expect(faults).toContainEqual(expect.stringMatching(sentence));
    expect(await published()).toMatchObject({ holds: true });
  });

  it('finds out the owner who inserts an event into a gap that a rolled-back transaction left', async () => {
    await ledger.superuser.query(`SELECT nextval('session_ledger.event_seq_seq')`);
    await ledger.recordSessions(1);
    await sealAndStop(ledger);
    const inserted = `INSERT INTO session_ledger.event (seq, kind, bucket, occurred_at, recorded_by, detail) VALUES (304, 'policy_set', 0, now(), 1, '{"absoluteSeconds": 60}')`;
    await changeAsOwner(ledger, 'event', inserted);
    expect((await live()).faults).toEqual([
      expect.stringMatching(/^event 304 stands among sealed events and was never sealed/),
    ]);
  });

  it('finds out who rewrites rows, tiles and heads as a whole, by the signature that is missing', async () => {
    await changeAsOwner(ledger, 'event', `UPDATE session_ledger.event SET reason = 'risk' WHERE kind = 'revoked'`);
    for (const table of ['published_checkpoint', 'seal_run', 'tile', 'tree_head', 'seal_key'])
      await changeAsOwner(ledger, table, `DELETE FROM session_ledger.${table}`);
    await sealAndStop(ledger, { signingKeys: [SigningKey.generate(origin).toPem()], directory: undefined });
    expect((await live()).faults).toEqual([expect.stringMatching(/not signed by a key you trust/)]);
  });

  it('finds out who rewrites everything and has the key too, by a checkpoint that was kept outside', async () => {
    const keptCheckpoints = [await readFile(join(ledger.directory, 'checkpoint'), 'utf8')];
    await changeAsOwner(ledger, 'event', `UPDATE session_ledger.event SET reason = 'risk' WHERE kind = 'revoked'`);
    for (const table of ['published_checkpoint', 'seal_run', 'tile', 'tree_head', 'seal_key'])
      await changeAsOwner(ledger, table, `DELETE FROM session_ledger.${table}`);
    await sealAndStop(ledger, { directory: undefined });
    expect(await live()).toMatchObject(holds);
    expect((await live(keptCheckpoints)).faults).toEqual([
      expect.stringMatching(/do not add up to the root that was signed.*rewritten as a whole/),
    ]);
  });

  it('finds out who shows an older checkpoint again, or restores an older backup, by the one that was kept', async () => {
    const keptCheckpoints = [await readFile(join(ledger.directory, 'checkpoint'), 'utf8')];
    const [older] = await ledger.rows<{ note: string }>(
      'SELECT note FROM session_ledger.published_checkpoint ORDER BY size LIMIT 1',
    );
    await writeFile(join(ledger.directory, 'checkpoint'), older!.note);
    expect((await published(keptCheckpoints)).faults).toEqual([
      expect.stringMatching(/^the log shows a checkpoint over 183 events, and you keep one over 303/),
    ]);
  });

  it.each([
    ['an entry', 'tile/entries/000', /^leaf 0 is not what was sealed there/],
    [
      'a tile',
      'tile/0/000',
      /^the stored hash of leaf 0 .* was changed; the events themselves are those that were signed/,
    ],
  ])('finds out who edits %s in the published directory', async (_, file, found) => {
    const bytes = await readFile(join(ledger.directory, file));
    bytes[12]! ^= 1;
    await writeFile(join(ledger.directory, file), bytes);
    expect((await published()).faults).toContainEqual(expect.stringMatching(found));
  });

  it.each([
    ['renewed', 'tile/entries/001.p/49'],
    ['policy_set', 'tile/entries/000'],
  ])('finds out who edits any byte in the detail of a %s event in the published directory', async (kind, name) => {
    const id = await openSession(ledger.writer, await recordSubject(ledger.writer, 'alice'));
    await ledger.rows(
      `SELECT session_ledger.renew_session($1, s.secret_digest, sha256('new'), 3600, 86400, NULL, NULL, '{}', NULL, 1)
         FROM session_ledger.session s WHERE s.session_id = $1`,
      [id],
    );
    await sealAndStop(ledger);
    const file = join(ledger.directory, name);
    const bytes = await readFile(file);
    const end = bytes.indexOf(`"kind":"${kind}"`);
    const start = bytes.lastIndexOf('"detail":{', end);
    expect(start).toBeGreaterThan(0);
    for (let at = start; at < end; at += 1) {
      const edited = Buffer.from(bytes);
      edited[at]! ^= 1 << (at % 7);
      await writeFile(file, edited);
      expect((await published()).faults[0]).toMatch(/^leaf \d+ is not what was sealed there/);
    }
  });

  it.each([
    [
      'removes a bundle of entries',
      (path: string) => rm(join(path, 'tile/entries/000')),
      /^leaves 0 to 255 are missing/,
    ],
    [
      'tears a bundle of entries',
      (path: string) => truncate(join(path, 'tile/entries/000'), 1000),
      /^what should hold the leaves 0 to 255 cannot be read/,
    ],
    ['tears a tile and changes an entry', tearTileAndChangeEntry, /^leaf 0 is not what was sealed there/],
    ['changes the checkpoint', changeCheckpoint, /not signed by a key you trust, or was changed/],
  ])('finds out who %s of a copy', async (_, tamper, found) => {
    const copy = await mkdtemp(join(tmpdir(), 'copied-ledger-'));
    await cp(ledger.directory, copy, { recursive: true });
    await tamper(copy);
    expect((await verifyLog(await logInDirectory(copy), { keys })).faults).toContainEqual(expect.stringMatching(found));
    await rm(copy, { recursive: true });
  });

  it('finds what was wrong already when it was sealed', async () => {
    const id = await openSession(ledger.writer, await recordSubject(ledger.writer, 'mallory'));
    await ledger.rows(
      `INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, recorded_by)
       VALUES ('used', $1, $2, 3, now(), now() + interval '1 hour', 1)`,
      [bucketOf(id), id],
    );
    await sealAndStop(ledger);
    expect((await live()).faults).toEqual([
      expect.stringMatching(/^event 305 of session .* has the number 3 within the session, where 2 comes next$/),
    ]);
  });

  async function live(keptCheckpoints: string[] = []): Promise<LogVerdict> {
    return verifyLog(await liveLog(ledger.superuser), { keys, keptCheckpoints });
  }

  async function published(keptCheckpoints: string[] = []): Promise<LogVerdict> {
    return verifyLog(await logInDirectory(ledger.directory), { keys, keptCheckpoints });
  }
});

async function changeCheckpoint(path: string): Promise<void> {
  const file = join(path, 'checkpoint');
  await writeFile(file, (await readFile(file, 'utf8')).replace('\n303\n', '\n302\n'));
}

async function tearTileAndChangeEntry(path: string): Promise<void> {
  await truncate(join(path, 'tile/0/000'), 1000);
  const file = join(path, 'tile/entries/000');
  const bytes = await readFile(file);
  bytes[12]! ^= 1;
  await writeFile(file, bytes);
}
