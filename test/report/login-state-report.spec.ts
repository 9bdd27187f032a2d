import type { DataSource } from 'typeorm';
import { addMicroseconds, type Instant } from '../../src/ledger/instant.js';
import { LoginHistory } from '../../src/query/login-history.js';
import { Reports } from '../../src/report/reports.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { RecordedBank } from './recorded-bank.js';
import { auditor, openReader, runToText } from './report-run.js';

const asKnownAt = '2026-04-01T00:00:00.000000Z';
const userIds = ['=2+5', 'alice', 'bob', 'carol', 'help-desk', 'mallory', 'zoe'];
/** Every opening, use, renewal, revocation and deadline of the bank, its gap, and its first days. */
const boundaries = [
  '2026-01-01T00:00:00.000000Z',
  '2026-03-02T00:00:00.000000Z',
  '2026-03-03T22:00:00.000000Z',
  '2026-03-03T22:27:00.000000Z',
  '2026-03-04T01:59:00.000000Z',
  '2026-03-04T02:00:00.000000Z',
  '2026-03-04T02:13:59.000000Z',
  '2026-03-04T02:14:00.000000Z',
  '2026-03-04T02:20:00.000000Z',
  '2026-03-04T02:24:00.000000Z',
  '2026-03-05T08:00:00.000000Z',
  '2026-03-05T08:15:00.000000Z',
  '2026-03-05T12:02:00.000000Z',
  '2026-03-06T00:00:00.000000Z',
  '2026-03-06T01:00:00.000000Z',
] as Instant[];
const instants = boundaries.flatMap((at) => [addMicroseconds(at, -1n), at, addMicroseconds(at, 1n)]);

interface Line {
  at: string;
  user_id: string;
  answer: string;
  reason: string | null;
  session_id: string | null;
  acted_by: string | null;
  live_until: string | null;
}

describe('the report login-state', () => {
  let database: TestDatabase;
  let reader: DataSource;
  let lines: Line[];

  beforeAll(async () => {
    database = await createTestDatabase();
    await RecordedBank.record(database.url);
    reader = await openReader(database.url);
    const run = await runToText(
      new Reports(reader),
      'login-state',
      { at: instants, userIds, asKnownAt },
      { format: 'ndjson' },
    );
    lines = run.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  });

  afterAll(async () => {
    await reader.destroy();
    await database.drop();
  });

  it('says what a question about the same user and instant is answered, on both sides of every boundary', async () => {
    const history = new LoginHistory(reader);
    for (const userId of userIds) {
      for (const at of instants) {
        const state = await history.loginStateAt({ userId, at, knownAt: asKnownAt }, auditor);
        const own = lines.filter((line) => line.user_id === userId && line.at === at);
        expect({
          userId,
          at,
          verdicts: [...new Set(own.map(({ answer, reason }) => `${answer} ${reason}`))],
          sessions: own
            .filter((line) => line.session_id !== null && line.acted_by === null)
            .map(sessionOf)
            .sort(),
          impersonations: own
            .filter(({ acted_by }) => acted_by !== null)
            .map(sessionOf)
            .sort(),
        }).toEqual({
          userId,
          at,
          verdicts: [`${state.answer} ${state.reason}`],
          sessions: state.sessions.map(({ sessionId, liveUntil }) => `${sessionId} ${liveUntil}`).sort(),
          impersonations: state.impersonations.map(({ sessionId, liveUntil }) => `${sessionId} ${liveUntil}`).sort(),
        });
      }
    }
  });

  it('lists everyone when no user is named, and says where the ledger cannot vouch for the rest', async () => {
    const at = ['2025-12-31T00:00:00Z', '2026-03-04T02:14:00Z', '2026-03-06T00:30:00Z'];
    const run = await runToText(new Reports(reader), 'login-state', { at, asKnownAt }, { format: 'ndjson' });
    const said = run.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    expect(said.map(({ user_id, answer, reason, acted_by }) => [user_id, answer, reason, acted_by])).toEqual([
      [null, 'unknown', 'before_ledger', null],
      ['alice', 'logged_in', null, null],
      ['carol', 'not_logged_in', null, 'help-desk'],
      [null, 'unknown', 'gap', null],
    ]);
  });
});

function sessionOf({ session_id, live_until }: Line): string {
  return `${session_id} ${live_until}`;
}
