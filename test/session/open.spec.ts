import { microsecondsOf } from '../../src/ledger/instant.js';
import { isCommitted } from '../../src/ledger/commitment.js';
import { bucketOf, parseToken } from '../../src/token/session-token.js';
import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

describe('opening a session', () => {
  let ledger: SessionsLedger;

  beforeAll(async () => {
    ledger = await setUpSessions();
  });

  afterAll(() => ledger.close());

  test('answers with a token and with what the session is, and the token is live from then on', async () => {
    const { token, session, ended } = await ledger.sessions.open({ userId: 'alice', amr: ['pwd', 'otp'], acr: 'aal2' });

    expect(session).toMatchObject({
      userId: 'alice',
      realm: 'default',
      application: 'web',
      idleSeconds: 3_600,
      amr: ['pwd', 'otp'],
      acr: 'aal2',
      actor: null,
      authenticatedAt: session.createdAt,
      lastUsedAt: session.createdAt,
    });
    expect(session.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(microsecondsOf(session.expiresAt) - microsecondsOf(session.createdAt)).toBe(3_600_000_000n);
    expect(microsecondsOf(session.absoluteExpiresAt) - microsecondsOf(session.createdAt)).toBe(86_400_000_000n);
    expect(ended).toEqual([]);
    const used = await ledger.sessions.use(token);
    expect(used).toEqual({
      active: true,
      session: { ...session, lastUsedAt: expect.any(String), expiresAt: expect.any(String) },
    });
  });

  test('leaves one created event that carries the deadlines, the policy in force and who recorded it', async () => {
    const { session } = await ledger.sessions.open(
      { userId: 'bob', attributes: { deviceId: 'b1946ac9', tenant: 'north' } },
      { recordedBy: 'till-7' },
    );

    const events = await ledger.eventsOf(session.sessionId);

    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      kind: 'created',
      sessionSeq: 1,
      occurredAt: session.createdAt,
      expiresAt: session.expiresAt,
      absoluteExpiresAt: session.absoluteExpiresAt,
      recordedBy: 'till-7',
      detail: {
        policy: {
          name: 'owasp-asvs-l2',
          idleSeconds: 3_600,
          absoluteSeconds: 86_400,
          maxConcurrent: null,
          onLimit: 'evict-oldest',
          source: 'preset',
        },
        attributes: { deviceId: 'b1946ac9', tenant: 'north' },
        amr: [],
        acr: null,
      },
    });
  });

  test('gives the session the bucket of its user', async () => {
    const { session } = await ledger.sessions.open({ userId: 'carol' });

    expect(bucketOf(session.sessionId)).toBe(bucketOf(session.subjectId));
  });

  test('keeps the client where it can be erased, and its commitment in the event', async () => {
    const client = { ip: '::ffff:203.0.113.7', userAgent: 'Mozilla/5.0' };
    const { session } = await ledger.sessions.open({ userId: 'dave', client });

    const [row] = await ledger.rows<{ ip: string; userAgent: string; salt: Buffer; commitment: Buffer }>(
      `SELECT host(ip) AS ip, user_agent AS "userAgent", salt, commitment FROM session_ledger.client WHERE session_id = $1`,
      [session.sessionId],
    );

    expect(row).toMatchObject({ ip: '203.0.113.7', userAgent: 'Mozilla/5.0' });
    expect(isCommitted({ ip: row!.ip, userAgent: row!.userAgent }, row!)).toBe(true);
    const [created] = await ledger.eventsOf(session.sessionId);
    expect(created!.detail).toMatchObject({ clientCommitment: row!.commitment.toString('hex') });
  });

  test('records an application and the policy once, before its first session', async () => {
    const sessions = ledger.sessionsWith({ application: 'mobile' });

    await sessions.start();
    await Promise.all(Array.from({ length: 10 }, (_, n) => sessions.open({ userId: `user-${n}` })));
    await ledger.sessionsWith({ application: 'mobile' }).start();

    const kinds = await ledger.rows<{ kind: string }>(
      `SELECT kind FROM session_ledger.event WHERE application = 'mobile' ORDER BY seq LIMIT 4`,
    );
    expect(kinds.map(({ kind }) => kind)).toEqual(['application_recorded', 'policy_set', 'created', 'created']);
  });

  test('makes one subject of a user whose first logins come at once', async () => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => ledger.sessions.open({ userId: 'newcomer' })));

    expect(new Set(opened.map(({ session }) => session.subjectId)).size).toBe(1);
  });

  test('tells users of two realms apart', async () => {
    const staff = await ledger.sessions.open({ userId: 'erin', realm: 'staff' });
    const customer = await ledger.sessions.open({ userId: 'erin' });

    expect(staff.session.subjectId).not.toBe(customer.session.subjectId);
  });

  test('revokes the session that the request came with as replaced', async () => {
    const before = await ledger.sessions.open({ userId: 'frank' });

    const after = await ledger.sessions.open({ userId: 'frank', replaces: before.token });

    expect(after.ended).toEqual([before.session.sessionId]);
    expect(await ledger.sessions.use(before.token)).toEqual({ active: false, why: 'replaced' });
    expect((await ledger.eventsOf(before.session.sessionId)).at(-1)).toMatchObject({
      kind: 'revoked',
      reason: 'replaced',
    });
  });

  test("does not revoke a session whose id alone is known, and takes a stranger's cookie for none", async () => {
    const victim = await ledger.sessions.open({ userId: 'grace' });
    const forged = Buffer.concat([
      Buffer.from(victim.session.sessionId.replaceAll('-', ''), 'hex'),
      Buffer.alloc(32, 1),
    ]).toString('base64url');

    const opened = await ledger.sessions.open({ userId: 'mallory', replaces: forged });
    await ledger.sessions.open({ userId: 'mallory', replaces: 'not a token' });

    expect(opened.ended).toEqual([]);
    expect(await ledger.sessions.use(victim.token)).toMatchObject({ active: true });
  });

  test('lets staff act as a user in a session that names both', async () => {
    const { token, session } = await ledger.sessions.open({
      userId: 'heidi',
      actor: { userId: 'support-3', realm: 'staff' },
    });

    expect(session.actor).toEqual({ userId: 'support-3', realm: 'staff' });
    expect(await ledger.sessions.use(token)).toMatchObject({
      session: { actor: { userId: 'support-3', realm: 'staff' } },
    });
    const [created] = await ledger.eventsOf(session.sessionId);
    const [actor] = await ledger.rows<{ userId: string }>(
      `SELECT user_id AS "userId" FROM session_ledger.subject WHERE subject_id = $1`,
      [created!.actorId],
    );
    expect(actor).toEqual({ userId: 'support-3' });
    expect(await refusalOf(ledger.sessions.open({ userId: 'ivan', actor: { userId: 'ivan' } }))).toMatchObject({
      code: 'ERR_INVALID_INPUT',
      field: 'actor',
    });
  });

  test('takes a stricter policy for one session, and refuses a looser one by the name of its limit', async () => {
    const tight = await ledger.sessions.open({ userId: 'judy', policy: { idleSeconds: 60, absoluteSeconds: 600 } });
    const preset = await ledger.sessions.open({ userId: 'judy', policy: 'owasp-high-value' });

    expect(tight.session.idleSeconds).toBe(60);
    expect(microsecondsOf(tight.session.absoluteExpiresAt) - microsecondsOf(tight.session.createdAt)).toBe(
      600_000_000n,
    );
    expect(preset.session.idleSeconds).toBe(300);
    for (const [policy, field] of [
      [{ idleSeconds: 3_601 }, 'policy.idleSeconds'],
      [{ idleSeconds: null }, 'policy.idleSeconds'],
      [{ absoluteSeconds: 86_401 }, 'policy.absoluteSeconds'],
      ['nist-aal1', 'policy'],
    ] as const) {
      expect(await refusalOf(ledger.sessions.open({ userId: 'judy', policy }))).toMatchObject({
        code: 'ERR_POLICY_LOOSENED',
        field,
      });
    }
  });

  test('cuts the idle deadline at the absolute one', async () => {
    const sessions = ledger.sessionsWith({});
    const { session } = await sessions.open({ userId: 'kate', policy: { absoluteSeconds: 60 } });

    expect(session.expiresAt).toBe(session.absoluteExpiresAt);
  });

  test('records nothing at all about an opening it refuses', async () => {
    const count = async (): Promise<unknown> =>
      ledger.rows(
        `SELECT (SELECT count(*) FROM session_ledger.event) AS events, (SELECT count(*) FROM session_ledger.subject) AS subjects`,
      );
    const before = await count();

    await refusalOf(ledger.sessions.open({ userId: 'leo', attributes: { deviceId: '4111 1111 1111 1111' } }));
    await refusalOf(ledger.sessions.open({ userId: 'leo\n' }));
    await refusalOf(ledger.sessions.open({ userId: 'leo', client: { ip: '1.2.3' } }));

    expect(await count()).toEqual(before);
  });
});

describe('promise 8: the token is never stored', () => {
  test('neither the token nor its secret is in any table, only the SHA-256 of the secret', async () => {
    const ledger = await setUpSessions();
    try {
      const { token, session } = await ledger.sessions.open({ userId: 'alice', client: { userAgent: 'agent' } });
      const next = await ledger.sessions.renew(token);
      await ledger.sessions.use(next.token);
      await ledger.sessions.revokeToken(next.token, { reason: 'logout', note: 'bye' });

      const everything = await contentOfAllTables(ledger);

      for (const shown of [token, next.token]) {
        const secret = Buffer.from(shown, 'base64url').subarray(16);
        expect(everything).not.toContain(shown);
        expect(everything).not.toContain(secret.toString('hex'));
        expect(everything).not.toContain(secret.toString('base64url'));
        expect(everything).toContain(parseToken(shown)!.secretDigest.toString('hex'));
      }
      expect(everything).toContain(session.sessionId);
    } finally {
      await ledger.close();
    }
  });
});

async function contentOfAllTables(ledger: SessionsLedger): Promise<string> {
  const tables = await ledger.rows<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'session_ledger'`,
  );
  const contents = await Promise.all(
    tables.map(({ name }) =>
      ledger.rows<{ content: string | null }>(`SELECT string_agg(t::text, ' ') AS content FROM ${name} t`),
    ),
  );
  return contents.map(([row]) => row?.content ?? '').join(' ');
}
