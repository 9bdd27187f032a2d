import type { ClientBase } from 'pg';
import { commit } from '../ledger/commitment.js';
import { recorderId } from '../ledger/recorder.js';
import { bucketOf } from '../token/session-token.js';
import type { KnownDatabase } from './known-database.js';
import { placesWithinTokens, type UseEntry } from './use-entry.js';

/*
 * The strict guard: recording is checking. One statement takes a batch of uses, locks the live rows among them in key
 * order, judges each entry on its own, moves the rows, and inserts one `used` event per accepted entry.
 *
 *   entry       what was presented, in order
 *   locked      the live row of each right (session, secret), locked; a row locked by somebody else is passed over, so
 *               that it stalls nobody (its entry comes back as busy)
 *   clocked     one clock reading per row, taken after its lock: a CTE of its own, because a select list under LockRows
 *               is evaluated before the lock
 *   unfamiliar  accepted uses by a client this process has not seen with this token. If the row that we locked is newer
 *               than our snapshot of it, another instance may have introduced the same client meanwhile, unseen by us:
 *               such a session is busy, and the next batch sees both
 *   introduced  clients the session was not seen from before
 *   judged      the verdict per entry
 *
 * The floor of the clock is read after this statement has its table locks, which is what the fence waits for; so an
 * event of this statement is dated above every horizon that does not wait for it.
 *
 * Everything is confined to one bucket per row, so that the statement can be routed where the tables are distributed.
 */
const useSql = (whenLocked: 'SKIP LOCKED' | ''): string => `
WITH entry AS MATERIALIZED (
  SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::bytea[], $4::integer[], $5::boolean[], $6::boolean[], $7::boolean[], $8::boolean[], $9::bigint[],
                       $10::boolean[], $11::inet[], $12::text[], $13::bytea[], $14::bytea[], $15::integer[])
    WITH ORDINALITY AS e(bucket, session_id, secret_digest, nth, is_last, passive, extends, wants_facts, client_id,
                         new_client, ip, user_agent, salt, commitment, recorded_by, position)
), locked AS MATERIALIZED (
  SELECT s.bucket, s.session_id, s.secret_digest, s.subject_id, s.last_used_at, s.expires_at, s.absolute_expires_at, s.idle_seconds, s.event_count
    FROM entry e JOIN session_ledger.session s
      ON s.bucket = e.bucket AND s.session_id = e.session_id AND s.secret_digest = e.secret_digest
   WHERE e.is_last AND s.end_reason IS NULL
   ORDER BY s.bucket, s.session_id
     FOR NO KEY UPDATE OF s ${whenLocked}
), clock AS MATERIALIZED (
  SELECT session_ledger.clock_floor() AS floor, session_ledger.clock_is_behind() AS behind
), clocked AS MATERIALIZED (
  SELECT l.*, greatest(clock_timestamp(), l.last_used_at, (SELECT floor FROM clock)) AS at FROM locked l
), unfamiliar AS MATERIALIZED (
  SELECT e.position, e.bucket, e.session_id, e.secret_digest, e.client_id, c.subject_id, e.ip, e.user_agent, e.salt, e.commitment,
         s.event_count = c.event_count AS is_current, k.client_id AS met_client_id
    FROM entry e
    JOIN clocked c ON c.session_id = e.session_id AND c.secret_digest = e.secret_digest
    JOIN session_ledger.session s ON s.bucket = e.bucket AND s.session_id = e.session_id
    LEFT JOIN session_ledger.client k ON k.bucket = e.bucket AND k.session_id = e.session_id AND k.erased_at IS NULL
     AND k.ip IS NOT DISTINCT FROM e.ip AND k.user_agent IS NOT DISTINCT FROM e.user_agent
   WHERE e.new_client AND c.at < c.expires_at AND NOT (SELECT behind FROM clock)
), introduced AS (
  INSERT INTO session_ledger.client (bucket, client_id, session_id, subject_id, ip, user_agent, salt, commitment)
  SELECT DISTINCT ON (session_id, ip, user_agent) bucket, client_id, session_id, subject_id, ip, user_agent, salt, commitment
    FROM unfamiliar WHERE is_current AND met_client_id IS NULL
   ORDER BY session_id, ip, user_agent, position
  RETURNING client_id, session_id, ip, user_agent, commitment
), named AS MATERIALIZED (
  SELECT u.position, coalesce(u.met_client_id, i.client_id) AS client_id, CASE WHEN i.client_id = u.client_id THEN i.commitment END AS commitment
    FROM unfamiliar u
    LEFT JOIN introduced i ON i.session_id = u.session_id AND i.ip IS NOT DISTINCT FROM u.ip AND i.user_agent IS NOT DISTINCT FROM u.user_agent
), judged AS MATERIALIZED (
  SELECT e.position, e.bucket, e.session_id, e.is_last, e.passive, c.at,
         CASE WHEN e.extends THEN least(c.at + c.idle_seconds * interval '1 second', c.absolute_expires_at) ELSE c.expires_at END AS expires_at,
         c.event_count + e.nth AS session_seq,
         coalesce(n.client_id, e.client_id) AS client_id,
         CASE WHEN n.commitment IS NOT NULL THEN jsonb_build_object('clientCommitment', encode(n.commitment, 'hex')) END AS detail,
         CASE WHEN c.at IS NULL THEN (
                SELECT CASE WHEN s.session_id IS NULL THEN 'unknown' WHEN s.secret_digest <> e.secret_digest THEN 'wrong_secret'
                            WHEN s.end_reason = 'replaced' THEN 'replaced'
                            WHEN s.ended_at IS NOT NULL THEN 'ended' ELSE 'busy' END
                  FROM (SELECT 1) one LEFT JOIN session_ledger.session s ON s.bucket = e.bucket AND s.session_id = e.session_id)
              WHEN (SELECT behind FROM clock) THEN 'clock_behind'
              WHEN c.at >= c.expires_at THEN 'expired'
              WHEN (e.session_id, e.secret_digest) IN (SELECT u.session_id, u.secret_digest FROM unfamiliar u WHERE NOT u.is_current) THEN 'busy'
              ELSE 'accepted' END AS verdict,
         e.wants_facts, e.recorded_by
    FROM entry e
    LEFT JOIN clocked c ON c.session_id = e.session_id AND c.secret_digest = e.secret_digest
    LEFT JOIN named n ON n.position = e.position
), changed AS (
  UPDATE session_ledger.session s
     SET last_used_at = j.at, expires_at = j.expires_at, event_count = j.session_seq
    FROM judged j
   WHERE j.verdict = 'accepted' AND j.is_last AND s.bucket = j.bucket AND s.session_id = j.session_id
), recorded AS (
  INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, client_id, reason, detail, recorded_by)
  SELECT 'used', j.bucket, j.session_id, j.session_seq, j.at, j.expires_at, j.client_id, CASE WHEN j.passive THEN 'passive' END, j.detail, j.recorded_by
    FROM judged j WHERE j.verdict = 'accepted'
   ORDER BY j.position -- the order of seq within a session is that of session_seq, whatever the plan
)
SELECT j.verdict, j.at AS used_at, j.expires_at, j.client_id,
       CASE WHEN j.wants_facts AND j.verdict = 'accepted' THEN (
         SELECT json_build_object('sessionId', s.session_id, 'subjectId', s.subject_id, 'realm', u.realm, 'userId', u.user_id, 'application', s.application,
           'createdAt', session_ledger.rfc3339(s.created_at), 'authenticatedAt', session_ledger.rfc3339(s.authenticated_at),
           'absoluteExpiresAt', session_ledger.rfc3339(s.absolute_expires_at), 'idleSeconds', s.idle_seconds, 'amr', s.amr, 'acr', s.acr,
           'actor', CASE WHEN s.actor_id IS NOT NULL THEN json_build_object('userId', o.user_id, 'realm', o.realm) END)
           FROM session_ledger.session s JOIN session_ledger.subject u ON u.subject_id = s.subject_id
           LEFT JOIN session_ledger.subject o ON o.subject_id = s.actor_id
          WHERE s.bucket = j.bucket AND s.session_id = j.session_id) END AS facts
  FROM judged j ORDER BY j.position`;

/** The verdict on one entry. `busy` and `clock_behind` are not answers: nothing was recorded, and nothing may pass. */
export type Verdict =
  'accepted' | 'unknown' | 'wrong_secret' | 'ended' | 'replaced' | 'expired' | 'busy' | 'clock_behind';

/** One row of the answer, in the order of the entries. Instants are as Postgres prints them, facts are JSON text. */
export type UseRow = [
  verdict: Verdict,
  usedAt: string | null,
  expiresAt: string | null,
  clientId: string | null,
  facts: string | null,
];

const asPrinted = { getTypeParser: () => (text: string) => text };

/** Who carries a batch: with what it knows of the database, and how long it waits for an answer. */
export interface UseRecording {
  readonly client: ClientBase;
  readonly known: KnownDatabase;
  readonly answerWithinMs: number;
}

const useUnlockedSql = useSql('SKIP LOCKED');

/**
 * Records a batch of uses and says what became of each; rows that somebody else has locked are passed over. When this
 * returns, the events are committed; when it throws, nothing may be let through, not even where the commit is in doubt.
 *
 * @returns one row per entry, in order.
 */
export async function recordUses(recording: UseRecording, entries: readonly UseEntry[]): Promise<UseRow[]> {
  const values = await parametersOf(recording, entries);
  return send(recording, { name: 'session_ledger_use_v1', text: useUnlockedSql, values });
}

const useOnceUnlockedSql = useSql('');
const beginWaitingSql = `BEGIN; SET LOCAL lock_timeout = '100ms'`;

/**
 * Records uses of one session whose row somebody else has locked: waits for the lock, a tenth of a second.
 *
 * @throws pg's 55P03 when the row stayed locked: nothing was recorded.
 */
export async function recordUsesOnceUnlocked(recording: UseRecording, entries: readonly UseEntry[]): Promise<UseRow[]> {
  const { client, answerWithinMs } = recording;
  // Before the transaction: ids that are found or drawn here must not go with it when it is rolled back.
  const values = await parametersOf(recording, entries);
  const control = (text: string): Promise<unknown> => {
    const query = { text, query_timeout: answerWithinMs };
    return client.query(query);
  };
  await control(beginWaitingSql);
  try {
    const rows = await send(recording, { name: 'session_ledger_use_waiting_v1', text: useOnceUnlockedSql, values });
    await control('COMMIT');
    return rows;
  } catch (failure) {
    // Where the connection is lost, the server has ended the transaction by itself.
    await control('ROLLBACK').catch(() => undefined);
    throw failure;
  }
}

async function send(
  { client, answerWithinMs }: UseRecording,
  statement: { name: string; text: string; values: string[] },
): Promise<UseRow[]> {
  const query = { ...statement, types: asPrinted, rowMode: 'array' as const, query_timeout: answerWithinMs };
  return (await client.query<UseRow>(query)).rows;
}

async function parametersOf(recording: UseRecording, entries: readonly UseEntry[]): Promise<string[]> {
  const { client, known, answerWithinMs } = recording;
  const recorders = await recordersOf(recording, entries);
  for (const entry of entries) entry.known = known.facts.get(entry.tokenKey);
  const places = placesWithinTokens(entries);
  const isNew = entries.map((e) => e.client !== undefined && !e.known?.clientIds.has(e.clientKey!));
  const newClients = isNew.filter(Boolean).length;
  const newIds = newClients === 0 ? [] : await known.clientIds.take(client, newClients, answerWithinMs);
  let taken = 0;
  const commitments = entries.map((e, i) =>
    isNew[i] ? commit({ ip: e.client!.ip, userAgent: e.client!.userAgent }) : undefined,
  );
  // Columns only new clients need stay empty arrays in the usual case: unnest pads them with nulls.
  const forNewClients = (write: (index: number) => string): string =>
    newClients === 0 ? '{}' : arrayOf(entries, (_, i) => (isNew[i] ? write(i) : 'NULL'));
  return [
    arrayOf(entries, (e) => bucketOf(e.claim.sessionId)),
    arrayOf(entries, (e) => e.claim.sessionId),
    arrayOf(entries, (e) => `"\\\\x${e.digestHex}"`),
    arrayOf(places, (p) => p.nth),
    arrayOf(places, (p) => p.isLast),
    arrayOf(entries, (e) => e.passive),
    arrayOf(places, (p) => p.extends),
    arrayOf(entries, (e) => e.known === undefined),
    arrayOf(entries, (e, i) =>
      isNew[i] ? newIds[taken++]! : (e.clientKey && e.known?.clientIds.get(e.clientKey)) || 'NULL',
    ),
    forNewClients(() => 'true'),
    forNewClients((i) => quoted(entries[i]!.client!.ip)),
    forNewClients((i) => quoted(entries[i]!.client!.userAgent)),
    forNewClients((i) => `"\\\\x${commitments[i]!.salt.toString('hex')}"`),
    forNewClients((i) => `"\\\\x${commitments[i]!.commitment.toString('hex')}"`),
    arrayOf(entries, (e) => recorders.get(e.recordedBy)!),
  ];
}

/** The ids of those who record, by name: in the usual case one, and known to the connection. */
async function recordersOf(
  { client, answerWithinMs }: UseRecording,
  entries: readonly UseEntry[],
): Promise<Map<string, number>> {
  const ids = new Map<string, number>();
  for (const { recordedBy } of entries) {
    if (!ids.has(recordedBy)) ids.set(recordedBy, await recorderId(client, recordedBy, answerWithinMs));
  }
  return ids;
}

/** A Postgres array literal: items are numbers, booleans, UUIDs, or quoted already. */
function arrayOf<T>(items: readonly T[], write: (item: T, index: number) => string | number | boolean): string {
  return `{${items.map(write).join(',')}}`;
}

function quoted(text: string | null): string {
  return text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`;
}
