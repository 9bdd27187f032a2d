import { ann, askBank, type AskedBank } from './asked-bank.js';

const at = '2026-03-04T02:14:00.000000Z';

describe('answers about the bank', () => {
  let bank: AskedBank;

  beforeAll(async () => {
    bank = await askBank();
  });

  afterAll(() => bank.close());

  const state = (userId: string, instant = at, more = {}) =>
    bank.history.loginStateAt({ userId, at: instant, ...more }, ann);

  it('say who was logged in at 2:14 on 4 March, from where, and until when', async () => {
    expect(await state('alice')).toMatchObject({
      userId: 'alice',
      realm: 'default',
      at,
      knownAt: null,
      answer: 'logged_in',
      reason: null,
      settled: true,
      applications: [
        { name: 'web', recordingSince: '2026-01-01T00:00:00.000000Z' },
        { name: 'mobile', recordingSince: '2026-03-02T00:00:00.000000Z' },
      ],
      sessions: [
        {
          application: 'web',
          createdAt: '2026-03-04T02:00:00.000000Z',
          liveUntil: '2026-03-04T02:28:59.000000Z',
          lastUseAtOrBefore: '2026-03-04T02:13:59.000000Z',
          client: { ip: '203.0.113.7' },
        },
      ],
      impersonations: [],
      evidenceOmitted: 0,
      later: { sessions: [{ firstUseAfter: null, endedAt: '2026-03-04T02:20:00.000000Z', endReason: 'logout' }] },
    });
  });

  it('say that a session is live at its opening, and not at its end nor at its deadline', async () => {
    const answers = async (userId: string, instants: string[], more = {}) =>
      Promise.all(instants.map(async (instant) => (await state(userId, instant, more)).answer));
    const web = { application: 'web' };
    expect(await answers('alice', ['2026-03-04T01:59:59.999999Z', '2026-03-04T02:00:00Z'], web)).toEqual([
      'not_logged_in',
      'logged_in',
    ]);
    expect(await answers('alice', ['2026-03-04T02:19:59.999999Z', '2026-03-04T02:20:00Z'], web)).toEqual([
      'logged_in',
      'not_logged_in',
    ]);
    // Nobody has written yet that bob's session lapsed.
    expect(await answers('bob', ['2026-03-03T22:26:59.999999Z', '2026-03-03T22:27:00Z'])).toEqual([
      'logged_in',
      'not_logged_in',
    ]);
  });

  it('list a session in which somebody else acted apart, and never call its user logged in', async () => {
    const carol = await state('carol', '2026-03-04T02:10:00Z');
    expect(carol).toMatchObject({
      answer: 'not_logged_in',
      reason: null,
      sessions: [],
      impersonations: [{ actor: { userId: 'help-desk', realm: 'default' }, client: { ip: '198.51.100.20' } }],
    });
    expect(carol.evidence.map(({ kind }) => kind)).toEqual(['used']);
    expect((await state('help-desk', '2026-03-04T02:10:00Z')).answer).toBe('not_logged_in');
  });

  it('are about the database now when no instant is given, and then not settled', async () => {
    const { at: now, settled, answer } = await bank.history.loginStateAt({ userId: 'alice' }, ann);
    const [clock] = await bank.rows<{ late: boolean }>(
      `SELECT $1::timestamptz BETWEEN now() - interval '1 minute' AND now() AS late`,
      [now],
    );
    expect({ ...clock, settled, answer }).toEqual({ late: true, settled: false, answer: 'not_logged_in' });
  });

  it('say nothing of another realm', async () => {
    expect(await state('alice', at, { realm: 'staff' })).toMatchObject({ realm: 'staff', reason: 'no_such_user' });
  });

  describe('promise 5: three answers', () => {
    it('unknown before any application of the question was recorded', async () => {
      expect(await state('alice', '2025-12-31T23:59:59.999999Z')).toMatchObject({
        answer: 'unknown',
        reason: 'before_ledger',
        applications: [],
        evidence: [],
      });
      expect(await state('alice', '2026-03-01T12:00:00Z', { application: 'mobile' })).toMatchObject({
        answer: 'unknown',
        reason: 'before_ledger',
      });
      expect(await state('alice', '2026-01-01T00:00:00Z')).toMatchObject({ answer: 'not_logged_in' });
    });

    it('unknown for an application the ledger does not have', async () => {
      expect(await state('alice', at, { application: 'kiosk' })).toMatchObject({
        answer: 'unknown',
        reason: 'before_ledger',
      });
    });

    it('unknown within a gap, whose event is its evidence, and known at its end', async () => {
      const gap = await state('bob', '2026-03-06T00:30:00Z');
      expect(gap).toMatchObject({ answer: 'unknown', reason: 'gap', evidence: [{ kind: 'gap' }] });
      expect(await state('bob', '2026-03-06T01:00:00Z')).toMatchObject({ answer: 'not_logged_in', evidence: [] });
    });

    it('no within a gap that was not on record yet when the ledger is asked what it said then', async () => {
      const asked = { knownAt: '2026-03-06T00:45:00Z' };
      expect(await state('bob', '2026-03-06T00:30:00Z', asked)).toMatchObject({ answer: 'not_logged_in' });
    });

    it('yes within a gap when a session is on the ledger all the same', async () => {
      await bank.superuser.query(
        `INSERT INTO session_ledger.event (bucket, kind, occurred_at, recorded_at, detail, recorded_by)
         VALUES (0, 'gap', '2026-03-04T02:40:00Z', '2026-03-04T02:40:00Z', '{"from": "2026-03-04T02:14:00.000000Z", "to": "2026-03-04T02:14:00.000001Z"}', 1)`,
      );
      expect(await state('alice')).toMatchObject({ answer: 'logged_in', reason: null });
      expect(await state('bob')).toMatchObject({ answer: 'unknown', reason: 'gap' });
    });

    it('no for a user the ledger has never seen, and says so', async () => {
      expect(await state('nobody', '2026-03-04T12:00:00Z')).toMatchObject({
        answer: 'not_logged_in',
        reason: 'no_such_user',
        sessions: [],
        evidence: [],
        later: { sessions: [] },
      });
    });

    it('and none about the future', async () => {
      await expect(state('alice', '2999-01-01T00:00:00Z')).rejects.toMatchObject({
        code: 'ERR_INSTANT_IN_FUTURE',
        field: 'at',
      });
    });
  });

  describe('promise 6: every answer shows what it rests on', () => {
    const kindsAndSeqs = async (userId: string, instant: string) =>
      (await state(userId, instant)).evidence.map(({ seq, kind, occurredAt }) => [seq, kind, occurredAt]);

    it('a yes on the opening, the latest renewal and the event that decides', async () => {
      const [opened, used, renewed] = await bank.rows<{ seq: string }>(
        `SELECT seq FROM session_ledger.event WHERE occurred_at BETWEEN '2026-03-04T02:00:00Z' AND '2026-03-04T02:13:59Z'
            AND kind IN ('created', 'renewed') AND application = 'web' AND actor_id IS NULL OR occurred_at = '2026-03-04T02:10:00.25Z' ORDER BY seq`,
      );
      expect(await kindsAndSeqs('alice', '2026-03-04T02:12:00Z')).toEqual([
        [Number(opened!.seq), 'created', '2026-03-04T02:00:00.000000Z'],
        [Number(used!.seq), 'used', '2026-03-04T02:10:00.250000Z'],
        expect.arrayContaining(['created', '2026-03-04T01:59:00.000000Z']),
      ]);
      expect(await kindsAndSeqs('alice', at)).toEqual([
        [Number(opened!.seq), 'created', '2026-03-04T02:00:00.000000Z'],
        [Number(renewed!.seq), 'renewed', '2026-03-04T02:13:59.000000Z'],
      ]);
    });

    it('a no on the event that decided against each session that could have been live', async () => {
      expect((await kindsAndSeqs('alice', '2026-03-04T03:00:00Z')).map(([, kind]) => kind)).toEqual([
        'revoked',
        'created',
      ]);
      expect(await kindsAndSeqs('alice', '2026-03-05T03:00:00Z')).toEqual([]);
    });

    it('a no about many sessions on the newest 100, and the number of the others', async () => {
      await bank.superuser.query(
        `INSERT INTO session_ledger.event (bucket, session_id, session_seq, kind, occurred_at, recorded_at, expires_at, subject_id, application,
                                           absolute_expires_at, idle_seconds, secret_digest, recorded_by)
         SELECT get_byte(uuid_send(id), 15) & 63, id, 1, 'created', at, at, at + interval '1 second', s.subject_id, 'web', at + interval '12 hours', 1,
                sha256('any'), 1
           FROM session_ledger.subject s, generate_series(1, 130) n,
                LATERAL (SELECT timestamptz '2026-03-07T00:00:00Z' + n * interval '1 minute' AS at) a,
                LATERAL (SELECT ('019cc5a0-0000-7000-8000-0000000' || lpad(to_hex(n), 3, '0') || right(s.subject_id::text, 2))::uuid AS id) i
          WHERE s.user_id = 'bob'`,
      );
      const bob = await state('bob', '2026-03-07T06:00:00Z');
      expect(bob).toMatchObject({ answer: 'not_logged_in', evidenceOmitted: 30 });
      expect(bob.evidence).toHaveLength(100);
      expect(bob.evidence.at(0)?.occurredAt).toBe('2026-03-07T00:31:00.000000Z');
      expect(bob.evidence.at(-1)?.occurredAt).toBe('2026-03-07T02:10:00.000000Z');
    });

    it('the same in a list as alone', async () => {
      const instants = [
        '2026-03-04T02:14:00Z',
        '2026-03-04T02:12:00Z',
        '2026-03-04T03:00:00Z',
        '2026-03-07T06:00:00Z',
        '2025-01-01T00:00:00Z',
      ];
      const users = ['alice', 'bob', 'carol', 'mallory', 'nobody'];
      const rows = users.flatMap((userId) => instants.map((instant) => ({ userId, at: instant })));
      async function* list() {
        yield* rows;
      }
      let nth = 0;
      for await (const { row, answer } of bank.history.answerBatch(list(), ann)) {
        const alone = await state(row.userId, row.at);
        expect(row).toBe(rows[nth++]);
        expect(answer).toEqual({
          answer: alone.answer,
          reason: alone.reason,
          settled: alone.settled,
          sessionIds: alone.sessions.map(({ sessionId }) => sessionId),
          evidenceSeqs: alone.evidence.map(({ seq }) => seq),
        });
      }
      expect(nth).toBe(rows.length);
    });
  });
});
