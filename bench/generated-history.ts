import pg from 'pg';
import { runOn } from './scratch-postgres.js';

/** A ledger with months of history behind it. */
export interface GeneratedHistory {
  users: number;
  /** The first and last instant that questions may be about, RFC 3339. */
  from: string;
  to: string;
  events: number;
}

const users = 20_000;
const eventsPerMonth = 5_000_000;
const eventsPerSession = 32;
const sessionsPerChunk = 10_000;

const usersSql = `
CREATE TABLE public.bench_user (n integer PRIMARY KEY, subject_id uuid NOT NULL, commitment text NOT NULL);
WITH made AS (
  INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
  SELECT gen_random_uuid(), 'default', 'user-' || n, substr(sha256(n::text::bytea), 1, 16),
       sha256(substr(sha256(n::text::bytea), 1, 16) || convert_to('{"realm":"default","userId":"user-' || n || '"}', 'UTF8'))
    FROM generate_series(1, ${users}) n RETURNING subject_id, user_id, commitment)
INSERT INTO public.bench_user SELECT split_part(user_id, '-', 2)::integer, subject_id, encode(commitment, 'hex') FROM made;
INSERT INTO session_ledger.recorder (name) VALUES ('bench') ON CONFLICT DO NOTHING`;

/* The ledger's own events are dated back by hand: nobody can wait for the months that the questions are about. */
const beginningSql = `
SELECT session_ledger.create_partition_table('event_' || to_char(month, 'YYYY_MM')),
       session_ledger.attach_partition('event_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month')
  FROM generate_series(date_trunc('month', $1::timestamptz - interval '1 hour'), now(), interval '1 month') month
 WHERE NOT session_ledger.has_partition_for(month);`;

const applicationSql = `
WITH named AS (INSERT INTO session_ledger.application VALUES ('web'))
INSERT INTO session_ledger.event (kind, bucket, occurred_at, recorded_at, application, detail, recorded_by)
SELECT kind, 0, $1::timestamptz - interval '1 hour', $1::timestamptz - interval '1 hour', 'web', detail, 1
  FROM (VALUES ('application_recorded', NULL), ('policy_set', '{"absoluteSeconds": 43200}'::jsonb)) AS e(kind, detail)`;

/*
 * The sessions that open within [$1, $2): 1 to 59 uses at a pace of their own, a quarter of an hour's idle limit, and an
 * end by logout or by the deadline, with true commitments to users and clients. In the order in which they were recorded, so that seq
 * and the pages are as in life.
 */
const chunkSql = `
WITH picked AS MATERIALIZED (
  SELECT $4::bigint + n AS number, 1 + floor(random() * ${users})::integer AS user_number, $1::timestamptz + random() * ($2::timestamptz - $1::timestamptz) AS at,
         1 + floor(random() * 59)::integer AS uses, (60 + random() * 180) * interval '1 second' AS pace, random() < 0.6 AS logs_out
    FROM generate_series(1, $3::integer) n
), opened AS MATERIALIZED (
  SELECT p.*, u.subject_id, u.commitment AS subject_commitment, '198.51.100.0'::inet + (p.number % 250) AS ip, (lpad(to_hex((extract(epoch FROM p.at) * 1000)::bigint), 12, '0') || '7' || substr(md5(p.number::text), 1, 3)
         || '8' || substr(md5(p.number::text), 4, 13) || substr(replace(u.subject_id::text, '-', ''), 31))::uuid AS session_id
    FROM picked p JOIN public.bench_user u ON u.n = p.user_number
), committed AS MATERIALIZED (
  SELECT o.*, sha256(substr(sha256('s'), 1, 16) || convert_to('{"ip":"' || host(o.ip) || '","userAgent":"Mozilla/5.0"}', 'UTF8')) AS client_commitment FROM opened o
), seen AS (
  INSERT INTO session_ledger.client (bucket, client_id, session_id, subject_id, ip, user_agent, salt, commitment, first_seen_at)
  SELECT get_byte(uuid_send(session_id), 15) & 63, number, session_id, subject_id, ip, 'Mozilla/5.0',
         substr(sha256('s'), 1, 16), client_commitment, at FROM committed
)
INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, recorded_at, expires_at, client_id, reason, subject_id, application,
       absolute_expires_at, idle_seconds, secret_digest, detail, recorded_by)
SELECT e.kind, get_byte(uuid_send(o.session_id), 15) & 63, o.session_id, e.session_seq, e.at, e.at,
       CASE WHEN e.kind IN ('created', 'used') THEN least(e.at + interval '15 minutes', o.at + interval '12 hours') END, o.number, e.reason,
       CASE WHEN e.kind = 'created' THEN o.subject_id END, CASE WHEN e.kind = 'created' THEN 'web' END,
       CASE WHEN e.kind = 'created' THEN o.at + interval '12 hours' END, CASE WHEN e.kind = 'created' THEN 900 END,
       CASE WHEN e.kind = 'created' THEN sha256(o.number::text::bytea) END, CASE WHEN e.kind = 'created' THEN jsonb_build_object('amr', '["pwd"]'::jsonb, 'subjectCommitment', o.subject_commitment,
         'clientCommitment', encode(o.client_commitment, 'hex')) END, 1
  FROM committed o CROSS JOIN LATERAL (
    SELECT CASE n WHEN 0 THEN 'created' ELSE 'used' END AS kind, n + 1 AS session_seq, o.at + n * o.pace AS at, NULL AS reason
      FROM generate_series(0, o.uses) n
    UNION ALL
    SELECT CASE WHEN o.logs_out THEN 'revoked' ELSE 'expired' END, o.uses + 2,
           o.at + o.uses * o.pace + CASE WHEN o.logs_out THEN interval '10 seconds' ELSE interval '15 minutes' END,
           CASE WHEN o.logs_out THEN 'logout' ELSE 'idle' END) e
 ORDER BY e.at`;

/**
 * Fills a new ledger with so many events, five million to a month, the newest a day ago; prints how far it is.
 * Constraints, indexes and triggers are in force, so that tables and indexes are as inserting leaves them.
 */
export async function generateHistory(url: string, events: number): Promise<GeneratedHistory> {
  const day = 86_400_000;
  const to = Date.now() - day;
  const from = to - (events / eventsPerMonth) * 30 * day;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`SET timezone = 'UTC'`);
  await client.query(usersSql);
  // As the ledger's own role, whose partitions the service makes: the sealer summarises their indexes through a function of that role.
  await client.query('SET ROLE session_ledger_owner');
  await client.query(beginningSql, [instant(from)]);
  await client.query('RESET ROLE');
  await client.query(applicationSql, [instant(from)]);
  const sessions = Math.round(events / eventsPerSession);
  for (let done = 0; done < sessions; done += sessionsPerChunk) {
    const count = Math.min(sessionsPerChunk, sessions - done);
    const at = (session: number): string => instant(from + ((to - from) * session) / sessions);
    await client.query(chunkSql, [at(done), at(done + count), count, done]);
    if (process.stderr.isTTY || (done / sessionsPerChunk) % 10 === 0)
      console.error(`${done + count} of ${sessions} sessions`);
  }
  await client.end();
  await runOn(url, 'VACUUM ANALYZE');
  return { users, from: instant(from), to: instant(to), events: sessions * eventsPerSession };
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
