import { advanceHorizon } from '../ledger/session-writer.js';
import { setUpSessions, type SessionsLedger } from '../session/sessions-ledger.js';
import type { Instant } from '../../src/ledger/instant.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { LoginHistory } from '../../src/query/login-history.js';

const asking = { askedBy: 'ann' };

const logoutSql = `
INSERT INTO session_ledger.event (bucket, session_id, session_seq, kind, occurred_at, recorded_at, reason, recorded_by)
SELECT e.bucket, e.session_id, 2, 'revoked', $2, clock_timestamp(), 'logout', e.recorded_by
  FROM session_ledger.event e WHERE e.session_id = $1 AND e.kind = 'created'`;

describe('what a list calls settled', () => {
  let ledger: SessionsLedger;
  let history: LoginHistory;

  beforeEach(async () => {
    ledger = await setUpSessions();
    history = new LoginHistory(ledger.superuser);
  });
  afterEach(() => ledger.close());

  const now = async (): Promise<Instant> => {
    const [row] = await ledger.rows<{ at: Instant }>('SELECT clock_timestamp() AS at');
    return row!.at;
  };

  it('is final, also where an event was recorded between its question and the horizon that settles it', async () => {
    const { session } = await ledger.sessions.open({ userId: 'ada' });
    const at = await now();
    async function* list() {
      yield { userId: 'ada', at };
    }
    const values = [session.sessionId, at];
    const superuser = ledger.superuser.createQueryRunner();
    try {
      // While the ledger is locked, the question goes on record, and waits for what the ledger covers.
      await superuser.startTransaction();
      await queryRows(superuser, { name: 'lock', text: 'LOCK TABLE session_ledger.event', values: [] });
      const answers = history.answerBatch(list(), asking);
      const first = answers.next();
      while ((await ledger.rows('SELECT FROM session_ledger.question')).length === 0);
      await queryRows(superuser, { name: 'logout', text: logoutSql, values });
      await queryRows(superuser, {
        name: 'settle',
        text: 'UPDATE session_ledger.horizon SET settled_at = clock_timestamp()',
        values: [],
      });
      await superuser.commitTransaction();
      const { value } = await first;
      expect(value).toMatchObject({ answer: { answer: 'not_logged_in', settled: true } });
      await answers.return(undefined);
    } finally {
      await superuser.release();
    }
    expect(await history.loginStateAt({ userId: 'ada', at }, asking)).toMatchObject({ answer: 'not_logged_in' });
  });

  it('is nothing of everyone’s pages that were begun before their instant was settled', async () => {
    for (const userId of ['ada', 'bea', 'cat']) await ledger.sessions.open({ userId });
    const first = await history.loggedInAt({ limit: 1 }, asking);
    expect(first).toMatchObject({ settled: false });
    let settledUpTo: string | null = null;
    while (settledUpTo === null || settledUpTo < first.at) settledUpTo = await advanceHorizon(ledger.superuser);
    const second = await history.loggedInAt({ limit: 1, after: first.next! }, asking);
    expect(second).toMatchObject({ at: first.at, settled: false, sealed: false });
    const again = await history.loggedInAt({ at: first.at, limit: 1 }, asking);
    expect(again).toMatchObject({ settled: true });
    expect(await history.loggedInAt({ at: first.at, limit: 1, after: again.next! }, asking)).toMatchObject({
      settled: true,
    });
  });
});
