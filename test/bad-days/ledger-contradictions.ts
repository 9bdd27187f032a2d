import type { Sessions } from '../../src/session/sessions.js';
import { queryRows, type Executor } from '../../src/ledger/named-query.js';

/** How often the events of sessions say what no sequence of them may say. */
export interface Contradictions {
  /** Events that do not carry the number after the one before them. */
  readonly gaps: number;
  /** Events dated before the one before them. */
  readonly backwards: number;
  /** Events of a session that had been revoked or had expired. */
  readonly afterTheEnd: number;
  /** Uses and renewals dated at or after the deadline that held then. */
  readonly afterTheDeadline: number;
  /** `expired` events that are not dated at the deadline that held then. */
  readonly expiredElsewhere: number;
  /** Deadlines beyond the absolute one that held then. */
  readonly beyondTheAbsolute: number;
}

export const noContradictions: Contradictions = {
  gaps: 0,
  backwards: 0,
  afterTheEnd: 0,
  afterTheDeadline: 0,
  expiredElsewhere: 0,
  beyondTheAbsolute: 0,
};

const contradictionsSql = `
WITH told AS (
  SELECT kind, session_seq, occurred_at, expires_at,
         lag(session_seq) OVER w AS seq_before, lag(occurred_at) OVER w AS at_before, lag(expires_at) OVER w AS deadline_before,
         coalesce(bool_or(kind IN ('revoked', 'expired')) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS is_over,
         (array_agg(absolute_expires_at) FILTER (WHERE absolute_expires_at IS NOT NULL) OVER w) AS absolutes
    FROM session_ledger.event WHERE session_id IS NOT NULL
  WINDOW w AS (PARTITION BY bucket, session_id ORDER BY session_seq, seq)
)
SELECT count(*) FILTER (WHERE session_seq <> coalesce(seq_before, 0) + 1) AS gaps,
       count(*) FILTER (WHERE occurred_at < at_before) AS backwards,
       count(*) FILTER (WHERE is_over) AS "afterTheEnd",
       count(*) FILTER (WHERE kind IN ('used', 'renewed', 'revoked') AND occurred_at >= deadline_before) AS "afterTheDeadline",
       count(*) FILTER (WHERE kind = 'expired' AND occurred_at <> deadline_before) AS "expiredElsewhere",
       count(*) FILTER (WHERE expires_at > absolutes[cardinality(absolutes)]) AS "beyondTheAbsolute"
  FROM told`;

/** Reads the events of every session and counts what contradicts the rules of design section 5. */
export async function contradictionsOnLedger(executor: Executor): Promise<Contradictions> {
  const statement = { name: 'test_contradictions', text: contradictionsSql, values: [] };
  return (await queryRows<Contradictions>(executor, statement))[0]!;
}

/** A use that was let through: the instant is the one its caller was told. */
export interface AcceptedUse {
  readonly sessionId: string;
  readonly at: string;
}

const unrecordedUsesSql = `
WITH accepted AS (
  SELECT session_id, at, count(*) AS uses FROM unnest($1::uuid[], $2::timestamptz[]) AS a(session_id, at) GROUP BY session_id, at
)
SELECT coalesce(sum(greatest(a.uses - r.events, 0)), 0)::integer AS unrecorded
  FROM accepted a CROSS JOIN LATERAL (
    SELECT count(*) AS events FROM session_ledger.event e
     WHERE e.bucket = get_byte(uuid_send(a.session_id), 15) & 63 AND e.session_id = a.session_id AND e.occurred_at = a.at AND e.kind = 'used') r`;

/** Of the uses that were let through, those for which the ledger has no event of their own at their instant. */
export async function unrecordedUses(executor: Executor, accepted: readonly AcceptedUse[]): Promise<number> {
  const values = [accepted.map(({ sessionId }) => sessionId), accepted.map(({ at }) => at)];
  const statement = { name: 'test_unrecorded_uses', text: unrecordedUsesSql, values };
  return (await queryRows<{ unrecorded: number }>(executor, statement))[0]!.unrecorded;
}

const sessionsWithSql = `
SELECT count(DISTINCT session_id) AS sessions FROM session_ledger.event WHERE kind = $1 AND session_id = ANY ($2::uuid[])`;

/** How many of the sessions have an event of a kind. */
export async function sessionsWith(
  executor: Executor,
  kind: 'created' | 'revoked',
  sessionIds: readonly string[],
): Promise<number> {
  const statement = { name: 'test_sessions_with', text: sessionsWithSql, values: [kind, sessionIds] };
  return (await queryRows<{ sessions: number }>(executor, statement))[0]!.sessions;
}

/** One use, as an instance tells its caller: accepted with its instant, refused, or not recorded with the code. */
export async function present(
  sessions: Sessions,
  token: string,
): Promise<{ accepted: AcceptedUse } | { refused: string } | { notRecorded: string }> {
  try {
    const used = await sessions.use(token);
    if (!used.active) return { refused: used.why };
    return { accepted: { sessionId: used.session.sessionId, at: used.session.lastUsedAt } };
  } catch (failure) {
    return { notRecorded: (failure as { code: string }).code };
  }
}
