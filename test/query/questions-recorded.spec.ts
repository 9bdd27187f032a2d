import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { LoginHistory } from '../../src/query/login-history.js';
import { Reports } from '../../src/report/reports.js';
import { ann, askBank, inPieces, joined, type AskedBank } from './asked-bank.js';

const at = '2026-03-04T02:14:00.000000Z';

interface RecordedRow {
  kind: string;
  asked_by: string;
  user_id: string | null;
  case_id: string | null;
  parameters: Record<string, unknown>;
  outcome: string | null;
  row_count: number | null;
  detail: Record<string, unknown> | null;
}

describe('promise 11: asking is recorded too', () => {
  let bank: AskedBank;

  beforeAll(async () => {
    bank = await askBank();
  });

  afterAll(() => bank.close());

  const recorded = (caseId: string): Promise<RecordedRow[]> =>
    bank.rows<RecordedRow>(
      `SELECT q.kind, q.asked_by, s.user_id, q.case_id, q.parameters, o.outcome, o.row_count::integer, o.detail
         FROM session_ledger.question q
         LEFT JOIN session_ledger.subject s USING (subject_id)
         LEFT JOIN session_ledger.question_outcome o USING (question_id)
        WHERE q.case_id = $1 ORDER BY q.question_id`,
      [caseId],
    );

  it('who asked what about whom and why, and how many rows came back', async () => {
    const asking = { askedBy: 'ann', caseId: 'each' };
    const [session] = (await bank.history.sessionsOf({ userId: 'alice' }, asking)).items;
    await bank.history.loginStateAt({ userId: 'alice', at }, asking);
    await bank.history.loginStateOver(
      { userId: 'alice', from: '2026-03-04T00:00:00Z', to: '2026-03-05T00:00:00Z' },
      asking,
    );
    await bank.history.session(session!.sessionId, asking);
    await bank.history.events(session!.sessionId, { limit: 3 }, asking);
    await bank.history.loggedInAt({ at }, asking);
    await bank.history.clientsSeen({ ip: '203.0.113.0/24' }, asking);
    const rows = await recorded('each');
    expect(
      rows.map(({ kind, asked_by, user_id, outcome, row_count }) => [kind, asked_by, user_id, outcome, row_count]),
    ).toEqual([
      ['sessions_of_user', 'ann', 'alice', 'answered', 2],
      ['login_state_at', 'ann', 'alice', 'answered', 1],
      ['login_state_over', 'ann', 'alice', 'answered', 3],
      ['session', 'ann', 'alice', 'answered', 1],
      ['session_events', 'ann', 'alice', 'answered', 3],
      ['logged_in_at', 'ann', null, 'answered', 1],
      ['clients_seen', 'ann', null, 'answered', 2],
    ]);
    expect(rows[1]!.parameters).toEqual({ realm: 'default', applications: null, at, knownAt: null });
  });

  it('without a user id, an address or an agent in what can never be erased', async () => {
    const asking = { askedBy: 'ann', caseId: 'erasable' };
    await bank.history.loginStateAt({ userId: 'stranger-4711', at }, asking);
    await bank.history.clientsSeen({ ip: '198.51.100.20', userAgent: 'Agent-4712' }, asking);
    await joined(bank.history.answerCsv(inPieces(`userId,at\nalice,${at}\nstranger-4713,${at}\n`), asking));
    const kept = await bank.rows<{ text: string }>(
      `SELECT q::text || coalesce(o::text, '') || coalesce(p::text, '') AS text FROM session_ledger.question q
         LEFT JOIN session_ledger.question_outcome o USING (question_id) LEFT JOIN session_ledger.question_part p USING (question_id)
        WHERE q.case_id = 'erasable'`,
    );
    expect(kept).toHaveLength(3);
    for (const { text } of kept) expect(text).not.toMatch(/471[123]|alice|198\.51/);
    const erasable = await bank.rows(
      `SELECT u.user_id, c.ip::text, c.user_agent FROM session_ledger.question q
         LEFT JOIN session_ledger.question_user u USING (question_id) LEFT JOIN session_ledger.question_client c USING (question_id)
        WHERE q.case_id = 'erasable' ORDER BY q.question_id`,
    );
    expect(erasable).toEqual([
      { user_id: 'stranger-4711', ip: null, user_agent: null },
      { user_id: null, ip: '198.51.100.20/32', user_agent: 'Agent-4712' },
      { user_id: 'stranger-4713', ip: null, user_agent: null },
    ]);
  });

  it('also about whom a list was, before its answers go out', async () => {
    const asking = { askedBy: 'ann', caseId: 'list' };
    const pieces = bank.history.answerCsv(
      inPieces(`userId,at\nalice,${at}\nbob,${at}\nalice,${at}\nnobody,${at}\n`),
      asking,
    );
    await pieces.next();
    const about = await bank.rows<{ user_id: string }>(
      `SELECT s.user_id FROM session_ledger.question q JOIN session_ledger.question_part p USING (question_id)
         JOIN session_ledger.subject s ON s.subject_id = ANY (p.subject_ids) WHERE q.case_id = 'list' ORDER BY s.user_id`,
    );
    expect(about.map(({ user_id }) => user_id)).toEqual(['alice', 'bob']);
    expect(await recorded('list')).toMatchObject([{ kind: 'login_state_batch', outcome: null }]);
    await pieces.next();
    expect(await recorded('list')).toMatchObject([{ outcome: 'answered', row_count: 4 }]);
  });

  it('also when no answer comes of it', async () => {
    const asking = { askedBy: 'ann', caseId: 'refused' };
    await expect(bank.history.loginStateAt({ userId: 'alice', at: '2999-01-01T00:00:00Z' }, asking)).rejects.toThrow(
      'future',
    );
    await expect(bank.history.session('0195e3b0-0000-7000-8000-00000000dead', asking)).rejects.toThrow('never seen');
    expect(await recorded('refused')).toMatchObject([
      {
        kind: 'login_state_at',
        user_id: 'alice',
        outcome: 'failed',
        row_count: 0,
        detail: { code: 'ERR_INSTANT_IN_FUTURE' },
      },
      { kind: 'session', user_id: null, outcome: 'failed', row_count: 0, detail: { code: 'ERR_SESSION_NOT_FOUND' } },
    ]);
  });

  it('also when the ledger fails in the middle', async () => {
    const asking = { askedBy: 'ann', caseId: 'broken' };
    await bank.superuser.query(
      'ALTER FUNCTION session_ledger.is_live(text, timestamptz, timestamptz) RENAME TO is_alive',
    );
    try {
      const another = await ledgerDataSource({
        url: bank.url,
        role: 'reader',
        poolSize: 1,
        applicationName: 'test',
      }).initialize();
      const history = new LoginHistory(another);
      await expect(history.loginStateAt({ userId: 'alice', at }, asking)).rejects.toMatchObject({
        code: 'ERR_DATABASE_BEHIND',
      });
      const list = joined(history.answerCsv(inPieces(`userId,at\nalice,${at}\n`), asking));
      await expect(list).rejects.toMatchObject({ code: 'ERR_DATABASE_BEHIND' });
      await another.destroy();
    } finally {
      await bank.superuser.query(
        'ALTER FUNCTION session_ledger.is_alive(text, timestamptz, timestamptz) RENAME TO is_live',
      );
    }
    expect(await recorded('broken')).toMatchObject([
      { user_id: 'alice', outcome: 'failed', detail: { code: 'ERR_DATABASE_BEHIND' } },
      { kind: 'login_state_batch', outcome: 'failed', row_count: 0 },
    ]);
  });

  it('as abandoned when whoever asked for a list stops reading', async () => {
    const rows = Array.from({ length: 9_000 }, () => ({ userId: 'alice', at }));
    let read = 0;
    async function* list() {
      for (const row of rows) {
        read += 1;
        yield row;
      }
    }
    let seen = 0;
    for await (const { answer } of bank.history.answerBatch(list(), { askedBy: 'ann', caseId: 'left' })) {
      expect(answer).toMatchObject({ answer: 'logged_in' });
      seen += 1;
      if (seen === 2_500) break;
    }
    // In chunks of 1,000: what was handed out counts, whether or not it was looked at.
    expect(await recorded('left')).toMatchObject([{ outcome: 'abandoned', row_count: 3_000 }]);
    expect(read).toBeLessThanOrEqual(5_001);
  });

  it('with all rows that went out, also when whoever asked leaves with them', async () => {
    const list = `userId,at\n${`alice,${at}\n`.repeat(5_000)}`;
    const pieces = bank.history.answerCsv(inPieces(list, 65_536), { askedBy: 'ann', caseId: 'took' });
    const { value } = await pieces.next();
    expect((value as string).match(/,logged_in,/g)).toHaveLength(1_000);
    await pieces.return();
    expect(await recorded('took')).toMatchObject([{ outcome: 'abandoned', row_count: 1_000 }]);
  });

  it('that a proof was asked for, of an answer or of an event, and the manifest of a report', async () => {
    const asking = { askedBy: 'ann', caseId: 'proofs' };
    await bank.history.loginStateAt({ userId: 'alice', at, proof: true }, asking);
    await expect(bank.history.eventProof(1_002, asking)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await expect(new Reports(bank.reader).manifest(4_711, asking)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    expect(await recorded('proofs')).toMatchObject([
      { kind: 'login_state_at', parameters: { at, proof: true }, outcome: 'answered' },
      { kind: 'event_proof', parameters: { seq: 1_002 }, outcome: 'failed' },
      { kind: 'report_manifest', parameters: { runId: 4_711 }, outcome: 'failed' },
    ]);
  });

  it('with what a list has no columns for: the applications it covers, and the checkpoint', async () => {
    await joined(bank.history.answerCsv(inPieces(`userId,at\nalice,${at}\n`), { askedBy: 'ann', caseId: 'covers' }));
    expect((await recorded('covers'))[0]!.detail).toMatchObject({
      applications: [{ name: 'web' }, { name: 'mobile' }],
      checkpoint: null,
    });
  });

  it('or it is not answered', async () => {
    await bank.superuser.query('REVOKE INSERT ON session_ledger.question FROM session_ledger_reader');
    await bank.superuser.query('REVOKE INSERT (asked_by) ON session_ledger.question FROM session_ledger_reader');
    try {
      await expect(bank.history.loginStateAt({ userId: 'alice', at }, ann)).rejects.toMatchObject({
        name: 'SessionLedgerError',
      });
      const list = bank.history.answerCsv(inPieces(`userId,at\nalice,${at}\n`), ann);
      await expect(list.next()).rejects.toMatchObject({ name: 'SessionLedgerError' });
    } finally {
      await bank.superuser.query('GRANT INSERT (asked_by) ON session_ledger.question TO session_ledger_reader');
    }
  });

  it('and a question on record is never changed', async () => {
    for (const table of ['question', 'question_outcome', 'question_part']) {
      await expect(bank.superuser.query(`DELETE FROM session_ledger.${table}`)).rejects.toMatchObject({
        code: '42501',
      });
      await expect(bank.superuser.query(`TRUNCATE session_ledger.${table} CASCADE`)).rejects.toMatchObject({
        code: '42501',
      });
    }
  });
});
