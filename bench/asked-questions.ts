import type { GeneratedHistory } from './generated-history.js';
import { runOn } from './scratch-postgres.js';

/** A question as the API takes it. */
export interface AskedQuestion {
  userId: string;
  at: string;
}

/*
 * Half of the questions are about an instant shortly after a login of the user, as those of a fraud team are; the other
 * half about any user at any time, mostly asleep.
 */
const questionsSql = `
WITH moment AS MATERIALIZED (
  SELECT n, $1::timestamptz + random() * ($2::timestamptz - $1::timestamptz) AS at FROM generate_series(1, $3::integer) n
)
SELECT CASE WHEN n % 2 = 0 THEN u.user_id ELSE 'user-' || (1 + floor(random() * $4::integer))::integer END AS "userId",
       session_ledger.rfc3339(CASE WHEN n % 2 = 0 THEN login.occurred_at + random() * interval '40 minutes' ELSE moment.at END) AS at
  FROM moment
 CROSS JOIN LATERAL (
    SELECT e.subject_id, e.occurred_at FROM session_ledger.event e
     WHERE e.kind IN ('created', 'renewed') AND e.occurred_at >= moment.at - interval '6 hours'
       AND e.recorded_at >= moment.at - interval '6 hours' AND e.recorded_at < moment.at
     ORDER BY e.occurred_at, e.seq LIMIT 1) login
  JOIN session_ledger.subject u USING (subject_id)
 ORDER BY random()`;

/** Questions spread over the whole history, in no order; those before its first login have none to be about and fall out. */
export function pickQuestions(url: string, history: GeneratedHistory, count: number): Promise<AskedQuestion[]> {
  return runOn<AskedQuestion>(url, questionsSql, [history.from, history.to, count, history.users]);
}

/** A CSV of so many rows, the questions over and over, in pieces of a thousand rows. */
export async function* csvOf(questions: AskedQuestion[], rows: number): AsyncGenerator<string> {
  yield 'transaction,userId,at\n';
  const linesPerChunk = 1000;
  for (let row = 0; row < rows; row += linesPerChunk) {
    const lines = Array.from({ length: Math.min(linesPerChunk, rows - row) }, (_, offset) => {
      const { userId, at } = questions[(row + offset) % questions.length]!;
      return `T${row + offset},${userId},${at}\n`;
    });
    yield lines.join('');
  }
}
