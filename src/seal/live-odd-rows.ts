import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { PublishedCheckpoint } from './checkpoint-published.js';
import type { Oddity } from './verifier.js';

/** More of them say nothing new. */
const mostOddRows = 20;

/*
 * The snapshot is older than the sequence's reading, so whatever it shows has a number that was handed out by then. Rows that are not
 * sealed yet are held against the last sealed one by the same ten minutes as sealed ones are among each other (verify-order.ts).
 */
const oddRowsSql = `
WITH handed_out AS MATERIALIZED (
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM session_ledger.event_seq_seq
), sealed AS MATERIALIZED (
  SELECT max(e.recorded_at) AS at FROM session_ledger.event e WHERE e.seq = $1
)
(SELECT e.seq::text, NULL AS "recordedAt" FROM session_ledger.event e WHERE e.seq < 1 ORDER BY e.seq LIMIT $2)
UNION ALL
(SELECT e.seq::text, NULL FROM session_ledger.event e WHERE e.seq > (SELECT last FROM handed_out) ORDER BY e.seq LIMIT $2)
UNION ALL
(SELECT e.seq::text, e.recorded_at::text FROM session_ledger.event e
  WHERE e.seq > $1 AND e.recorded_at < (SELECT at FROM sealed) - interval '10 minutes' ORDER BY e.seq LIMIT $2)`;

/**
 * Rows that no leaf shows: with a number that the ledger never hands out, or behind the sealed events and dated back among them.
 *
 * @param published the newest checkpoint
 */
export async function* oddRows(executor: Executor, { size, lastSeq }: PublishedCheckpoint): AsyncIterable<Oddity> {
  const statement = { name: 'odd_rows', text: oddRowsSql, values: [lastSeq, mostOddRows] };
  const rows = await queryRows<{ seq: string; recordedAt: Instant | null }>(executor, statement);
  for (const { seq, recordedAt } of rows) {
    const what =
      recordedAt === null
        ? 'has a number that the ledger never handed out: it was inserted'
        : `is not sealed and says that it was recorded at ${recordedAt}, long before the last sealed one: it was dated back`;
    yield { leaf: Number(seq) < 1 ? 0 : size, sentence: `event ${seq} ${what}` };
  }
}
