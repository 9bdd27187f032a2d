import { ann, askBank, type AskedBank } from './asked-bank.js';

const at = '2026-03-09T12:00:00Z';

/** Four users who logged in and out 8,000 times that morning, and of whom the last one is logged in. */
const morningSql = `
INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
SELECT ('00000000-0000-4000-8000-0000000000' || lpad(to_hex(u), 2, '0'))::uuid, 'default', 'user-' || u, decode(repeat('00', 16), 'hex'), sha256('any')
  FROM generate_series(1, 4) u;
INSERT INTO session_ledger.event (bucket, session_id, session_seq, kind, occurred_at, recorded_at, expires_at, subject_id, application,
                                  absolute_expires_at, idle_seconds, secret_digest, recorded_by)
SELECT u, ('019cd000-0000-7000-8000-0000' || lpad(to_hex(n), 6, '0') || lpad(to_hex(u), 2, '0'))::uuid, 1, 'created', t.at, t.at,
       t.at + CASE WHEN u = 4 AND n = 8000 THEN interval '6 hours' ELSE interval '1 second' END,
       ('00000000-0000-4000-8000-0000000000' || lpad(to_hex(u), 2, '0'))::uuid, 'web', t.at + interval '12 hours', 60, sha256('any'), 1
  FROM generate_series(1, 4) u, generate_series(1, 8000) n,
       LATERAL (SELECT timestamptz '2026-03-09T08:00:00Z' + (u * 8000 + n) * interval '100 milliseconds' AS at) t;
ANALYZE session_ledger.event, session_ledger.subject`;

describe('a page of everyone, of whom hardly anybody was logged in', () => {
  let bank: AskedBank;

  beforeAll(async () => {
    bank = await askBank();
    await bank.superuser.query(morningSql);
  }, 120_000);
  afterAll(() => bank.close());

  it('ends with the user in whose sessions 20,000 were passed over, and names where to read on', async () => {
    const first = await bank.history.loggedInAt({ at, limit: 10 }, ann);
    expect(first).toMatchObject({ items: [], unknown: [], next: expect.any(String), settled: true });
    const second = await bank.history.loggedInAt({ at, limit: 10, after: first.next! }, ann);
    expect(second.items.map(({ userId, sessions }) => [userId, sessions.length])).toEqual([['user-4', 1]]);
    expect(second.next).toBeNull();
  });

  it('ends, when it is full, with its last user', async () => {
    const logins = `
      UPDATE session_ledger.event SET expires_at = occurred_at + interval '6 hours'
       WHERE session_id::text LIKE '019cd000-0000-7000-8000-0000001f40%'`;
    await bank.superuser.query(
      `BEGIN; ALTER TABLE session_ledger.event DISABLE TRIGGER ALL; ${logins}; ALTER TABLE session_ledger.event ENABLE TRIGGER ALL; COMMIT`,
    );
    const pages: string[][] = [];
    let after: string | undefined;
    do {
      const { items, next } = await bank.history.loggedInAt({ at, limit: 1, after }, ann);
      pages.push(items.map(({ userId }) => userId));
      after = next ?? undefined;
    } while (after !== undefined);
    expect(pages).toEqual([['user-1'], ['user-2'], ['user-3'], ['user-4']]);
  });
});
