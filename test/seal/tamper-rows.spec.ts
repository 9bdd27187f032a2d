import { Auditor } from '../../src/seal/auditor.js';
import { liveLog } from '../../src/seal/live-log.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyLog, type LogVerdict } from '../../src/seal/verifier.js';
import {
  changeAsOwner,
  origin,
  sealAndStop,
  setUpSealedLedger,
  withoutChecks,
  type SealedLedger,
} from './sealed-ledger.js';

const inserted = (seq: string, more = '', values = ''): string =>
  `INSERT INTO session_ledger.event (seq, kind, bucket, occurred_at, recorded_by, detail${more}) VALUES (${seq}, 'policy_set', 0, now(), 1, '{"absoluteSeconds": 60}'${values})`;

/** Rows that are not in the place of a leaf, or that no leaf can be made of; each with what is said of them, the first thing first. */
const rows: [what: string, statements: string[], said: RegExp[]][] = [
  [
    'inserts an event under a number below 1',
    [withoutChecks, inserted('-5')],
    [/^event -5 has a number that the ledger never handed out: it was inserted$/],
  ],
  [
    'inserts an event under a number that is still to come',
    [inserted('1000000')],
    [/^event 1000000 has a number that the ledger never handed out: it was inserted$/],
  ],
  [
    'inserts an event a second time under the number of a sealed one',
    [inserted('20')],
    [/^event 20 stands in the ledger more than once: it was inserted a second time$/],
  ],
  [
    'inserts a second row in front of a sealed one, in the partition of another month',
    [withoutChecks, inserted('20', ', recorded_at', `, now() - interval '1 year'`)],
    [/^event 20 stands in the ledger more than once: it was inserted a second time$/],
  ],
  [
    'makes a time infinite',
    [withoutChecks, `UPDATE session_ledger.event SET expires_at = 'infinity' WHERE seq = 5`],
    [
      /^event 5 holds what no event does \(not a UTC timestamp of a pinned connection: infinity\): it was changed$/,
      /^leaf 4 is not what was sealed there: what stands there was changed/,
    ],
  ],
  [
    'makes a detail larger than a leaf',
    [
      withoutChecks,
      `UPDATE session_ledger.event SET detail = jsonb_build_object('x', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 3000) n)) WHERE seq = 5`,
    ],
    [
      /^event 5 takes \d+ bytes, more than any event may: it was changed$/,
      /^leaf 4 is not what was sealed there: what stands there was changed/,
    ],
  ],
];

/** What is sealed and is no honest ledger, because somebody had it sealed. */
const sealed: [what: string, statements: string[], said: RegExp][] = [
  [
    'adds an event of last year at the end',
    [
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_at, recorded_by, detail) VALUES ('policy_set', 0, now() - interval '1 year', now() - interval '1 year', 1, '{"absoluteSeconds": 60}')`,
    ],
    /^event 64 says that it was recorded at .*, and stands behind events recorded up to .*: it was dated back$/,
  ],
  [
    'says that all was recorded up to a time, and adds an event of before it',
    [
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, detail, recorded_by)
       SELECT 'horizon_reached', 0, clock_timestamp(), jsonb_build_object('settledAt', session_ledger.rfc3339(clock_timestamp())), 1`,
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_by, detail) VALUES ('policy_set', 0, now() - interval '1 second', 1, '{"absoluteSeconds": 60}')`,
    ],
    /^event 65 happened at .*, and event 64 in front of it says that all up to .* is recorded$/,
  ],
];

describe('rows of the ledger', () => {
  let ledger: SealedLedger;

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    await ledger.recordSessions(20);
    await sealAndStop(ledger);
  });
  afterEach(async () => ledger.close());

  it.each(rows)('give away the owner who %s', async (_, statements, said) => {
    await changeAsOwner(ledger, 'event', ...statements);
    const { faults } = await verified();
    expect(faults[0]).toMatch(said[0]!);
    for (const sentence of said) expect(faults).toContainEqual(expect.stringMatching(sentence));
    expect(await audited()).toContainEqual(expect.stringMatching(said[0]!));
  });

  it.each(sealed)('give away the owner who %s and has it sealed', async (_, statements, said) => {
    await changeAsOwner(ledger, 'event', ...statements);
    await sealAndStop(ledger);
    expect((await verified()).faults).toEqual([expect.stringMatching(said)]);
  });

  it('give away the owner who adds an event of last year at the end, before it is sealed', async () => {
    await changeAsOwner(ledger, 'event', sealed[0]![1][0]!);
    expect((await verified()).faults).toEqual([
      expect.stringMatching(/^event 64 is not sealed and says that it was recorded at .*: it was dated back$/),
    ]);
  });

  it('give away the owner who puts another table in the place of a partition', async () => {
    const [partition] = await ledger.rows<{ name: string; bounds: string }>(
      `SELECT oid::regclass::text AS name, pg_get_expr(relpartbound, oid) AS bounds FROM pg_class
        WHERE oid = (SELECT tableoid FROM session_ledger.event LIMIT 1)`,
    );
    const { name, bounds } = partition!;
    await changeAsOwner(
      ledger,
      'event',
      `CREATE TABLE session_ledger.other (LIKE ${name} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`,
      `INSERT INTO session_ledger.other SELECT * FROM ${name}`,
      `UPDATE session_ledger.other SET expires_at = expires_at + interval '1 hour' WHERE seq = 5`,
      `ALTER TABLE session_ledger.event DETACH PARTITION ${name}`,
      `ALTER TABLE session_ledger.event ATTACH PARTITION session_ledger.other ${bounds}`,
    );
    expect((await verified()).faults[0]).toMatch(/^leaf 4 is not what was sealed there: event 5 \(used\) was changed/);
  });

  it('give away the owner who takes a partition out', async () => {
    const [partition] = await ledger.rows<{ name: string }>(
      `SELECT tableoid::regclass AS name FROM session_ledger.event LIMIT 1`,
    );
    await changeAsOwner(ledger, 'event', `ALTER TABLE session_ledger.event DETACH PARTITION ${partition!.name}`);
    expect((await verified()).faults).toEqual([
      'the checkpoint is over 63 events and only 0 are there: the end was cut off',
    ]);
  });

  it('give away the owner who edits the head that answers quote', async () => {
    await changeAsOwner(ledger, 'tree_head', 'UPDATE session_ledger.tree_head SET last_seq = last_seq + 1');
    expect((await verified()).faults).toEqual([
      'the head over 63 events that the database keeps names event 64 as its last, and that is event 63',
    ]);
    await changeAsOwner(ledger, 'tree_head', `UPDATE session_ledger.tree_head SET last_seq = 63, root = sha256('x')`);
    expect((await verified()).faults).toEqual([
      'the head over 63 events that the database keeps is not the one that was signed',
    ]);
  });

  it("give away the owner who puts a key of his own in the place of the log's", async () => {
    const own = SigningKey.generate(origin);
    await changeAsOwner(ledger, 'seal_key', `UPDATE session_ledger.seal_key SET vkey = '${own.vkey}'`);
    await changeAsOwner(
      ledger,
      'published_checkpoint',
      `UPDATE session_ledger.published_checkpoint SET note = split_part(note, E'\\n\\n', 1) || E'\\n\\n— ${origin} ' || encode(sha256('x'), 'base64') || E'\\n'`,
    );
    expect((await verified()).faults[0]).toMatch(/^the newest checkpoint is not signed by a key you trust/);
  });

  it('are held against the checkpoints of every origin that the ledger has had', async () => {
    await ledger.recordSessions(20);
    await sealAndStop(ledger, { origin: 'ledger.example/other', directory: undefined, signingKeys: [otherKey] });
    const { checkpoints, faults } = await verified([SigningKey.fromPem('ledger.example/other', otherKey).vkey]);
    expect({ checkpoints, faults }).toEqual({ checkpoints: 2, faults: [] });
  });

  /** The same through the background auditor, which goes by stretches. */
  async function audited(): Promise<string[]> {
    const alarms: string[] = [];
    const auditor = new Auditor(ledger.superuser, {
      eventsPerSecond: 100_000,
      trust: () => Promise.resolve({ keys: [SigningKey.fromPem(origin, ledger.signingKey).vkey], keptCheckpoints: [] }),
      onFault: (faults) => void alarms.push(...faults),
      onFailure: (failure) => {
        throw failure;
      },
    });
    await auditor.auditOnce();
    return alarms;
  }

  const otherKey = SigningKey.generate('ledger.example/other').toPem();

  async function verified(more: string[] = []): Promise<LogVerdict> {
    const keys = [SigningKey.fromPem(origin, ledger.signingKey).vkey, ...more];
    return verifyLog(await liveLog(ledger.superuser), { keys });
  }
});
