import type { DataSource, EntityManager } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { queryRows } from '../ledger/named-query.js';
import { inLedgerTerms } from './ledger-terms.js';

/** One session whose row is not what the ledger says. */
export interface SessionDifference {
  readonly sessionId: string;
  /**
   * `missing`: events without a row; `unrecorded`: a row without events; `differs`: in `columns`;
   * `broken_sequence`: its events are not numbered 1, 2, 3 without a gap, which no rebuilding mends.
   */
  readonly kind: 'missing' | 'unrecorded' | 'differs' | 'broken_sequence';
  readonly columns: string[];
}

/** What a rebuild found, and what it mended. */
export interface RebuildReport {
  /** Sessions on the ledger. */
  readonly sessions: number;
  readonly differences: number;
  /** The first 20 of them, by session id. */
  readonly first: SessionDifference[];
  /** Rows written anew or removed; 0 in a check. */
  readonly repaired: number;
}

// A large ledger takes longer to read than any request may, here and on the server.
const answerWithinMs = 0;
const unlimitedSql = `SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0`;
/**
 * Recomputes the row of every session from its events and compares every column but `sweep_at`, which is the expiry's
 * own note. A check changes nothing and may run beside the service: it reads one snapshot, in which each event is with
 * its change.
 *
 * Without `check` it mends the rows, as the ledger's owner (the writer may not), with the table locked: uses wait.
 * Rows of sessions that ended more than 30 days ago may be missing, because they may be pruned.
 *
 * @param dataSource for a check any role that may read events and sessions; to mend, the owner's login.
 * @throws SessionLedgerError ERR_CONFIGURATION when asked to mend with a login that may not.
 * @example
 * const { differences } = await rebuildSessions(writer, { check: true }); // 0
 */
export async function rebuildSessions(dataSource: DataSource, { check }: { check: boolean }): Promise<RebuildReport> {
  if (!check) await refuseUnlessOwner(dataSource);
  return inLedgerTerms(() =>
    dataSource.transaction('READ COMMITTED', async (manager) => {
      await manager.query(unlimitedSql);
      if (!check) await lockSessions(manager);
      await collectDifferences(manager);
      const report = await readDifferences(manager);
      const repaired = check ? 0 : (await removeWrongRows(manager)) + (await insertRebuiltRows(manager));
      return { ...report, repaired };
    }),
  );
}

const mayMendSql = `
SELECT has_table_privilege('session_ledger.session', 'DELETE') AS "mayMend"`;

async function refuseUnlessOwner(dataSource: DataSource): Promise<void> {
  const statement = { name: 'session_ledger_may_mend_v1', text: mayMendSql, values: [] };
  const [row] = await inLedgerTerms(() => queryRows<{ mayMend: boolean }>(dataSource, statement));
  if (row?.mayMend !== true) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      'sessions are mended by the owner of the ledger; connect with the login that migrates, or only check',
    );
  }
}

// The weakest lock that also stops SELECT ... FOR NO KEY UPDATE, with which every change of a session begins.
const lockSql = `LOCK TABLE session_ledger.session IN EXCLUSIVE MODE`;

async function lockSessions(manager: EntityManager): Promise<void> {
  await queryRows(manager, { name: 'session_ledger_lock_sessions_v1', text: lockSql, values: [], answerWithinMs });
}

/*
 * Rows are compared, and kept for mending, as jsonb: every column by its name, so that a new one cannot be forgotten
 * here; timestamps keep their microseconds and bytea its bytes.
 */
const collectDifferencesSql = `
CREATE TEMPORARY TABLE pg_temp.session_difference ON COMMIT DROP AS
WITH counted AS (
  SELECT e.bucket, e.session_id, count(*)::integer AS event_count, count(DISTINCT e.session_seq) AS numbers, max(e.session_seq) AS last_seq,
         max(e.session_seq) FILTER (WHERE e.kind NOT IN ('revoked', 'expired')) AS last_live_seq,
         count(*) FILTER (WHERE e.kind IN ('revoked', 'expired')) AS endings,
         max(e.session_seq) FILTER (WHERE e.kind IN ('created', 'renewed')) AS last_secret_seq,
         max(e.occurred_at) FILTER (WHERE e.kind = 'created' OR (e.kind = 'renewed' AND (e.detail ->> 'fresh')::boolean)) AS authenticated_at
    FROM session_ledger.event e WHERE e.session_id IS NOT NULL GROUP BY e.bucket, e.session_id
), broken AS (
  SELECT bucket, session_id FROM counted
   WHERE event_count <> last_seq OR event_count <> numbers OR endings > 1 OR endings <> last_seq - coalesce(last_live_seq, 0)
), rebuilt AS (
  SELECT n.bucket, n.session_id, k.secret_digest, c.subject_id, c.actor_id, c.application, c.occurred_at AS created_at, n.authenticated_at,
         l.occurred_at AS last_used_at, l.expires_at, k.absolute_expires_at, e.occurred_at AS ended_at, k.idle_seconds, n.event_count,
         e.reason AS end_reason, k.detail ->> 'acr' AS acr, ARRAY(SELECT jsonb_array_elements_text(k.detail -> 'amr')) AS amr
    FROM counted n
    JOIN session_ledger.event c ON c.bucket = n.bucket AND c.session_id = n.session_id AND c.session_seq = 1
    JOIN session_ledger.event l ON l.bucket = n.bucket AND l.session_id = n.session_id AND l.session_seq = n.last_live_seq
    JOIN session_ledger.event k ON k.bucket = n.bucket AND k.session_id = n.session_id AND k.session_seq = n.last_secret_seq
    LEFT JOIN session_ledger.event e ON e.bucket = n.bucket AND e.session_id = n.session_id AND e.session_seq = n.last_seq AND e.kind IN ('revoked', 'expired')
   WHERE (n.bucket, n.session_id) NOT IN (SELECT bucket, session_id FROM broken)
), compared AS (
  SELECT coalesce(r.bucket, s.bucket) AS bucket, coalesce(r.session_id, s.session_id) AS session_id,
         CASE WHEN r.session_id IS NOT NULL THEN to_jsonb(r) END AS rebuilt,
         CASE WHEN s.session_id IS NOT NULL THEN to_jsonb(s) - 'sweep_at' END AS stored
    FROM rebuilt r FULL JOIN session_ledger.session s ON s.bucket = r.bucket AND s.session_id = r.session_id
   WHERE s.session_id IS NOT NULL OR r.ended_at IS NULL OR r.ended_at > session_ledger.ledger_clock() - interval '30 days'
)
SELECT bucket, session_id, 'broken_sequence' AS kind, ARRAY[]::text[] AS columns, NULL::jsonb AS rebuilt FROM broken
UNION ALL
SELECT bucket, session_id, CASE WHEN stored IS NULL THEN 'missing' WHEN rebuilt IS NULL THEN 'unrecorded' ELSE 'differs' END,
       CASE WHEN stored IS NULL OR rebuilt IS NULL THEN ARRAY[]::text[]
            ELSE ARRAY(SELECT key FROM jsonb_each(stored) WHERE value IS DISTINCT FROM rebuilt -> key ORDER BY key) END, rebuilt
  FROM compared WHERE stored IS DISTINCT FROM rebuilt AND (bucket, session_id) NOT IN (SELECT bucket, session_id FROM broken)`;

async function collectDifferences(manager: EntityManager): Promise<void> {
  const statement = { name: 'session_ledger_collect_v1', text: collectDifferencesSql, values: [], answerWithinMs };
  await queryRows(manager, statement);
}

const readDifferencesSql = `
SELECT (SELECT count(*) FROM session_ledger.event e WHERE e.session_seq = 1) AS sessions,
       (SELECT count(*) FROM pg_temp.session_difference) AS differences,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('sessionId', d.session_id, 'kind', d.kind, 'columns', d.columns) ORDER BY d.session_id), '[]')
          FROM (SELECT * FROM pg_temp.session_difference ORDER BY session_id LIMIT 20) d) AS first`;

async function readDifferences(manager: EntityManager): Promise<Omit<RebuildReport, 'repaired'>> {
  const statement = { name: 'session_ledger_differences_v1', text: readDifferencesSql, values: [], answerWithinMs };
  const [report] = await queryRows<Omit<RebuildReport, 'repaired'>>(manager, statement);
  if (report === undefined) throw new SessionLedgerError('ERR_INTERNAL', 'the comparison answered no row');
  return report;
}

// A row that differs is replaced and not updated: a trigger lets nobody change the row of a session that has ended.
const removeWrongRowsSql = `
WITH removed AS (
  DELETE FROM session_ledger.session s USING pg_temp.session_difference d
   WHERE d.kind IN ('unrecorded', 'differs') AND s.bucket = d.bucket AND s.session_id = d.session_id
  RETURNING d.kind
)
SELECT count(*) FILTER (WHERE kind = 'unrecorded') AS removed FROM removed`;

async function removeWrongRows(manager: EntityManager): Promise<number> {
  const statement = { name: 'session_ledger_remove_wrong_v1', text: removeWrongRowsSql, values: [], answerWithinMs };
  return (await queryRows<{ removed: number }>(manager, statement))[0]?.removed ?? 0;
}

const insertRebuiltRowsSql = `
WITH inserted AS (
  INSERT INTO session_ledger.session
  SELECT (jsonb_populate_record(NULL::session_ledger.session, d.rebuilt || jsonb_build_object('sweep_at', d.rebuilt -> 'expires_at'))).*
    FROM pg_temp.session_difference d WHERE d.kind IN ('missing', 'differs')
  RETURNING session_id
)
SELECT count(*) AS inserted FROM inserted`;

async function insertRebuiltRows(manager: EntityManager): Promise<number> {
  const statement = {
    name: 'session_ledger_insert_rebuilt_v1',
    text: insertRebuiltRowsSql,
    values: [],
    answerWithinMs,
  };
  return (await queryRows<{ inserted: number }>(manager, statement))[0]?.inserted ?? 0;
}
