import { commit } from '../../src/ledger/commitment.js';
import { Auditor } from '../../src/seal/auditor.js';
import { liveLog } from '../../src/seal/live-log.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyLog, type LogVerdict } from '../../src/seal/verifier.js';
import { bucketOf, mintToken } from '../../src/token/session-token.js';
import { openSession, recordSubject } from '../ledger/session-writer.js';
import { changeAsOwner, origin, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';

const userChanged = /^the user under subject [0-9a-f-]{36} is not the one that was recorded: the row was changed$/;
const clientChanged = /^the address or agent under client \d+ is not the one that was recorded: the row was changed$/;
const committedAnew = (json: string): string => `salt = '\\x${'00'.repeat(16)}',
  commitment = sha256('\\x${'00'.repeat(16)}'::bytea || convert_to('${json}', 'UTF8'))`;

/** Who the users are and where they were seen from stands beside the seals, to be erasable; what the events hold is the commitment to it. */
const beside: [what: string, table: string, statements: string[], said: RegExp[]][] = [
  [
    'has two users change places',
    'subject',
    [
      `UPDATE session_ledger.subject SET user_id = 'nobody' WHERE user_id = 'alice'`,
      `UPDATE session_ledger.subject SET user_id = 'alice' WHERE user_id = 'bob'`,
      `UPDATE session_ledger.subject SET user_id = 'bob' WHERE user_id = 'nobody'`,
    ],
    [userChanged, userChanged],
  ],
  [
    'has two users change places with all that is committed to them',
    'subject',
    [
      `CREATE TEMPORARY TABLE of_both ON COMMIT DROP AS SELECT * FROM session_ledger.subject WHERE user_id IN ('alice', 'bob');
       DELETE FROM session_ledger.subject WHERE user_id IN ('alice', 'bob');
       INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
       SELECT o.subject_id, b.realm, b.user_id, b.salt, b.commitment FROM of_both b JOIN of_both o ON o.subject_id <> b.subject_id`,
    ],
    [userChanged, userChanged],
  ],
  [
    'edits a user id',
    'subject',
    [`UPDATE session_ledger.subject SET user_id = 'mallory' WHERE user_id = 'alice'`],
    [userChanged],
  ],
  [
    'edits a user id and commits to it anew',
    'subject',
    [
      `UPDATE session_ledger.subject SET user_id = 'mallory', ${committedAnew('{"realm":"default","userId":"mallory"}')} WHERE user_id = 'alice'`,
    ],
    [userChanged],
  ],
  ['edits an address', 'client', [`UPDATE session_ledger.client SET ip = '192.0.2.1'`], [clientChanged]],
  [
    'makes a network of an address',
    'client',
    [`UPDATE session_ledger.client SET ip = '203.0.113.7/8'`],
    [clientChanged],
  ],
  [
    'edits an address, commits to it anew and says that it was seen at another time',
    'client',
    [
      `UPDATE session_ledger.client SET ip = '192.0.2.1', first_seen_at = first_seen_at - interval '1 year',
         ${committedAnew('{"ip":"192.0.2.1","userAgent":"Phone"}')}`,
    ],
    [clientChanged],
  ],
  [
    'has an address seen in a session of another',
    'client',
    [`UPDATE session_ledger.client SET session_id = overlay(session_id::text placing '00000000' from 1 for 8)::uuid`],
    [clientChanged],
  ],
];

describe('rows of users and clients', () => {
  let ledger: SealedLedger;
  let keys: string[];

  beforeEach(async () => {
    ledger = await setUpSealedLedger();
    keys = [SigningKey.fromPem(origin, ledger.signingKey).vkey];
  });
  afterEach(async () => ledger.close());

  it.each(beside)('give away the owner who %s', async (_, table, statements, said) => {
    await recordAliceAndBob();
    await sealAndStop(ledger);
    await changeAsOwner(ledger, table, ...statements);
    expect((await verified()).faults).toEqual(said.map((sentence) => expect.stringMatching(sentence)));
    expect(await audited()).toEqual(said.map((sentence) => expect.stringMatching(sentence)));
  });

  it('give nobody away for a user who opened no session and a client that was erased', async () => {
    await recordAliceAndBob();
    await recordSubject(ledger.writer, 'carol');
    await sealAndStop(ledger);
    const erased = `UPDATE session_ledger.client SET ip = NULL, user_agent = NULL, salt = NULL, erased_at = now()`;
    await changeAsOwner(ledger, 'client', erased);
    expect(await verified()).toMatchObject({ holds: true, faults: [] });
    expect(await audited()).toEqual([]);
  });

  it('give away a user and an address behind as many as are read at once', async () => {
    await recordAliceAndBob();
    await ledger.superuser.query(
      `INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
       SELECT gen_random_uuid(), 'default', n, made.salt, sha256(made.salt || convert_to(format('{"realm":"default","userId":"%s"}', n), 'UTF8'))
         FROM generate_series(1, 1100) n, (SELECT substr(sha256('salt'), 1, 16) AS salt) made`,
    );
    await ledger.superuser.query(
      `INSERT INTO session_ledger.client (bucket, client_id, session_id, subject_id, commitment, erased_at)
       SELECT 0, -n, gen_random_uuid(), gen_random_uuid(), sha256('erased'), now() FROM generate_series(1, 1100) n`,
    );
    await sealAndStop(ledger);
    expect(await verified()).toMatchObject({ holds: true, faults: [] });
    const newest = `(SELECT subject_id FROM session_ledger.subject ORDER BY subject_id DESC LIMIT 1)`;
    await changeAsOwner(
      ledger,
      'subject',
      `UPDATE session_ledger.subject SET user_id = 'mallory' WHERE subject_id = ${newest}`,
      `UPDATE session_ledger.client SET user_agent = 'Tablet' WHERE user_agent = 'Phone'`,
    );
    expect((await verified()).faults).toEqual([
      expect.stringMatching(userChanged),
      expect.stringMatching(clientChanged),
    ]);
  });

  it('give away twenty users who are not those that were recorded, and then no more', async () => {
    for (let user = 0; user < 25; user += 1)
      await openSession(ledger.writer, await recordSubject(ledger.writer, `user-${user}`));
    await sealAndStop(ledger);
    await changeAsOwner(ledger, 'subject', `UPDATE session_ledger.subject SET user_id = user_id || '?'`);
    expect((await verified()).faults).toHaveLength(20);
    expect(await audited()).toHaveLength(20);
  });

  async function recordAliceAndBob(): Promise<void> {
    const alice = await recordSubject(ledger.writer, 'alice');
    await openSession(ledger.writer, await recordSubject(ledger.writer, 'bob'));
    const { sessionId, secretDigest } = mintToken(bucketOf(alice), 20_000 * 86_400_000);
    const { salt, commitment } = commit({ ip: '203.0.113.7', userAgent: 'Phone' });
    await ledger.writer.query(
      `SELECT * FROM session_ledger.open_session($1, $2, $3, NULL, 'web', 3600, 86400, NULL, 'evict-oldest', '{pwd}', NULL, '{}',
         ROW('203.0.113.7', 'Phone', $4::bytea, $5::bytea)::session_ledger.client_seen, NULL, NULL, 1)`,
      [sessionId, secretDigest, alice, salt, commitment],
    );
  }

  /** The same through the background auditor, which goes by stretches. */
  async function audited(): Promise<string[]> {
    const alarms: string[] = [];
    const auditor = new Auditor(ledger.superuser, {
      eventsPerSecond: 100_000,
      trust: () => Promise.resolve({ keys, keptCheckpoints: [] }),
      onFault: (faults) => void alarms.push(...faults),
      onFailure: (failure) => {
        throw failure;
      },
    });
    await auditor.auditOnce();
    return alarms;
  }

  async function verified(): Promise<LogVerdict> {
    return verifyLog(await liveLog(ledger.superuser), { keys });
  }
});
