import { setTimeout as sleep } from 'node:timers/promises';
import { presentTo, setUpUses, type UsedLedger } from './used-ledger.js';

/** PostgreSQL tells what a connection did at the end of its first transaction after a second. */
const tellingMs = 1_200;

describe('a use on a ledger of which the planner knows nothing yet', () => {
  let ledger: UsedLedger;

  beforeAll(async () => {
    ledger = await setUpUses();
  });
  afterAll(() => ledger.close());

  test('finds the session and its clients by indexes of their own, and reads no others of the bucket', async () => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => ledger.openSession()));
    const { batches } = await ledger.anotherInstance({ writers: 1, maxBatch: 1 });
    const useAll = async (ip: string): Promise<void> => {
      for (const { token } of sessions) await presentTo(batches, token, { ip });
    };
    await useAll('203.0.113.7');
    await sleep(tellingMs);
    await useAll('203.0.113.8');

    const { rows } = await ledger.admin.query(
      `SELECT indexrelname AS index, idx_scan > 0 AS "isRead" FROM pg_stat_user_indexes
        WHERE indexrelname IN ('session_pkey', 'session_of_subject', 'client_of_session', 'client_pkey') ORDER BY 1`,
    );
    expect(rows).toEqual([
      { index: 'client_of_session', isRead: true },
      { index: 'client_pkey', isRead: false },
      { index: 'session_of_subject', isRead: false },
      { index: 'session_pkey', isRead: true },
    ]);
  });
});
