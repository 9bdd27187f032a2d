import { ann, askBank, type AskedBank } from './asked-bank.js';

/** Used twenty times a second, for as many events as one answer may rest on and one more. */
const pollingSql = `
INSERT INTO session_ledger.event (bucket, session_id, session_seq, kind, occurred_at, recorded_at, expires_at, subject_id, application,
                                  absolute_expires_at, idle_seconds, secret_digest, recorded_by)
SELECT get_byte(uuid_send(o.id), 15) & 63, o.id, n, CASE n WHEN 1 THEN 'created' ELSE 'used' END, t.at, t.at, t.at + interval '1 minute',
       CASE n WHEN 1 THEN o.subject_id END, CASE n WHEN 1 THEN 'web' END, CASE n WHEN 1 THEN t.at + interval '12 hours' END,
       CASE n WHEN 1 THEN 60 END, CASE n WHEN 1 THEN sha256('any') END, 1
  FROM (SELECT s.subject_id, ('019cc5a0-0000-7000-8000-0000000000' || right(s.subject_id::text, 2))::uuid AS id
          FROM session_ledger.subject s WHERE s.user_id = 'bob') o,
       generate_series(1, 200001) n, LATERAL (SELECT timestamptz '2026-03-07T00:00:00Z' + n * interval '50 milliseconds' AS at) t`;

describe('a range in which a user was seen too often for one answer', () => {
  let bank: AskedBank;

  beforeAll(async () => {
    bank = await askBank();
    await bank.superuser.query(pollingSql);
    await bank.superuser.query('ANALYZE session_ledger.event');
  }, 120_000);
  afterAll(() => bank.close());

  const over = (from: string, to: string) => bank.history.loginStateOver({ userId: 'bob', from, to }, ann);

  it('is refused before the answer is built, and the question stays on record as failed', async () => {
    await expect(over('2026-03-07T00:00:00Z', '2026-03-07T04:00:00Z')).rejects.toMatchObject({
      code: 'ERR_REPORT_TOO_LARGE',
      field: 'from',
      message: expect.stringContaining('ask for a shorter range'),
    });
    const [outcome] = await bank.rows<{ outcome: string }>('SELECT outcome FROM session_ledger.question_outcome');
    expect(outcome).toEqual({ outcome: 'failed' });
  });

  it('is answered in shorter ones', async () => {
    const { intervals } = await over('2026-03-07T00:00:00Z', '2026-03-07T00:05:00Z');
    expect(intervals.map(({ from, answer }) => [from, answer])).toEqual([
      ['2026-03-07T00:00:00.000000Z', 'not_logged_in'],
      ['2026-03-07T00:00:00.050000Z', 'logged_in'],
    ]);
    const last = await over('2026-03-07T02:46:00Z', '2026-03-07T04:00:00Z');
    expect(last.intervals.map(({ answer }) => answer)).toEqual(['logged_in', 'not_logged_in']);
  });
});
