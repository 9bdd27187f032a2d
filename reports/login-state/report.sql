-- Was each of these users logged in at each of these instants? Without users: everyone who was.
--
-- :at            timestamptz[]  the instants
-- :userIds       text[]         the users asked about; null: everyone
-- :realm         text           whose user ids these are
-- :applications  text[]         only sessions of these applications; null: of all
-- :asKnownAt     timestamptz    only events recorded at or before it
--
-- "Live at T" is session_ledger.last_event_at and session_ledger.is_live, the same two that answer every other question.
--
-- Each instant comes with the longest lifetime that any policy had allowed by then.
WITH asked_instant AS MATERIALIZED (
  SELECT instant.at,
         (SELECT max((p.detail ->> 'absoluteSeconds')::bigint) * interval '1 second' FROM session_ledger.event p
           WHERE p.session_id IS NULL AND p.kind = 'policy_set'
             AND p.occurred_at <= instant.at AND p.recorded_at <= :asKnownAt::timestamptz) AS longest
    FROM (SELECT DISTINCT at FROM unnest(:at::timestamptz[]) AS asked(at)) instant
),
-- What the ledger cannot know: anything before an application was recorded, and that nobody was there during a gap.
knowledge AS MATERIALIZED (
  SELECT i.at,
         CASE
           WHEN NOT EXISTS (
             SELECT 1 FROM session_ledger.event a
              WHERE a.session_id IS NULL AND a.kind = 'application_recorded'
                AND a.occurred_at <= i.at AND a.recorded_at <= :asKnownAt::timestamptz
                AND (:applications::text[] IS NULL OR a.application = ANY (:applications::text[]))
           ) THEN 'before_ledger'
           WHEN EXISTS (
             SELECT 1 FROM session_ledger.event g
              WHERE g.session_id IS NULL AND g.kind = 'gap' AND g.recorded_at <= :asKnownAt::timestamptz
                AND (g.detail ->> 'from')::timestamptz <= i.at AND i.at < (g.detail ->> 'to')::timestamptz
           ) THEN 'gap'
         END AS why_unknown
    FROM asked_instant i
),
asked_user AS MATERIALIZED (
  SELECT DISTINCT asked.user_id COLLATE "C" AS user_id, s.subject_id, (get_byte(uuid_send(s.subject_id), 15) & 63)::smallint AS bucket,
         NOT EXISTS (
           SELECT 1 FROM session_ledger.event e
            WHERE e.bucket = get_byte(uuid_send(s.subject_id), 15) & 63 AND e.subject_id = s.subject_id
              AND e.kind IN ('created', 'renewed') AND e.recorded_at <= :asKnownAt::timestamptz
         ) AS is_stranger
    FROM unnest(:userIds::text[]) AS asked(user_id)
    LEFT JOIN session_ledger.subject s ON s.realm = :realm::text AND s.user_id = asked.user_id COLLATE "C"
),
-- Every session opened or renewed within the longest lifetime before the instant: no other can be live then.
candidate AS (
  SELECT i.at, i.longest, e.bucket, e.session_id, e.subject_id, e.application, e.actor_id
    FROM asked_instant i
   CROSS JOIN asked_user u
    JOIN session_ledger.event e
      ON e.bucket = u.bucket AND e.subject_id = u.subject_id AND e.kind IN ('created', 'renewed')
     AND e.occurred_at > i.at - i.longest AND e.occurred_at <= i.at
     AND e.recorded_at > i.at - i.longest - interval '1 minute'
     AND e.recorded_at <= least(:asKnownAt::timestamptz, i.at + interval '10 minutes')
   WHERE :applications::text[] IS NULL OR e.application = ANY (:applications::text[])
  UNION
  SELECT i.at, i.longest, e.bucket, e.session_id, e.subject_id, e.application, e.actor_id
    FROM asked_instant i
    JOIN session_ledger.event e
      ON e.kind IN ('created', 'renewed')
     AND e.occurred_at > i.at - i.longest AND e.occurred_at <= i.at
     AND e.recorded_at > i.at - i.longest - interval '1 minute'
     AND e.recorded_at <= least(:asKnownAt::timestamptz, i.at + interval '10 minutes')
   WHERE :userIds::text[] IS NULL
     AND (:applications::text[] IS NULL OR e.application = ANY (:applications::text[]))
),
-- The event that decides about each of them.
decided AS MATERIALIZED (
  SELECT c.at, c.bucket, c.session_id, c.application, c.actor_id, s.user_id,
         d.seq, d.kind, d.occurred_at, d.recorded_at, d.expires_at,
         session_ledger.is_live(d.kind, d.expires_at, c.at) AS is_live
    FROM candidate c
    JOIN session_ledger.subject s ON s.subject_id = c.subject_id AND s.realm = :realm::text
   CROSS JOIN LATERAL session_ledger.last_event_at(
           c.bucket, c.session_id, c.at, :asKnownAt::timestamptz, c.at - c.longest - interval '1 minute') d
),
-- One line per user and instant. A session in which somebody else acted as the user never makes the answer yes.
considered AS (
  SELECT i.at, u.user_id, u.is_stranger,
         coalesce(bool_or(d.is_live AND d.actor_id IS NULL), false) AS is_logged_in,
         (array_agg(d.seq ORDER BY d.occurred_at DESC, d.seq DESC) FILTER (WHERE d.seq IS NOT NULL))[:100] AS deciding_seqs
    FROM asked_instant i
   CROSS JOIN asked_user u
    LEFT JOIN decided d ON d.at = i.at AND d.user_id = u.user_id
   GROUP BY i.at, u.user_id, u.is_stranger
  UNION ALL
  SELECT d.at, d.user_id, false, bool_or(d.actor_id IS NULL), (array_agg(d.seq ORDER BY d.occurred_at DESC, d.seq DESC))[:100]
    FROM decided d
   WHERE :userIds::text[] IS NULL AND d.is_live
   GROUP BY d.at, d.user_id
  UNION ALL
  -- All others at an instant that the ledger cannot speak for: a line without a user.
  SELECT k.at, NULL, false, false, NULL FROM knowledge k WHERE :userIds::text[] IS NULL AND k.why_unknown IS NOT NULL
)
SELECT u.at, :realm::text AS realm, u.user_id,
       CASE WHEN u.is_logged_in THEN 'logged_in' WHEN k.why_unknown IS NOT NULL THEN 'unknown' ELSE 'not_logged_in' END AS answer,
       CASE WHEN u.is_logged_in THEN NULL WHEN k.why_unknown IS NOT NULL THEN k.why_unknown WHEN u.is_stranger THEN 'no_such_user' END AS reason,
       v.session_id, v.application, actor.user_id AS acted_by,
       opened.occurred_at AS created_at, v.occurred_at AS last_use_at, v.expires_at AS live_until,
       host(seen.ip) AS ip, seen.user_agent,
       CASE WHEN u.is_logged_in
            THEN (SELECT array_agg(DISTINCT e.seq ORDER BY e.seq) FROM unnest(ARRAY[opened.seq, renewed.seq, v.seq]) AS e(seq) WHERE e.seq IS NOT NULL)
            ELSE (SELECT array_agg(e.seq ORDER BY e.seq) FROM unnest(u.deciding_seqs) AS e(seq))
       END AS evidence_seqs
  FROM considered u
  JOIN knowledge k ON k.at = u.at
  LEFT JOIN decided v ON v.at = u.at AND v.user_id = u.user_id AND v.is_live
  LEFT JOIN session_ledger.subject actor ON actor.subject_id = v.actor_id
  LEFT JOIN LATERAL (
    SELECT e.seq, e.occurred_at FROM session_ledger.event e
     WHERE e.bucket = v.bucket AND e.session_id = v.session_id AND e.kind = 'created'
       AND e.occurred_at <= u.at AND e.recorded_at <= least(:asKnownAt::timestamptz, u.at + interval '10 minutes')
     ORDER BY e.occurred_at, e.session_seq LIMIT 1
  ) opened ON true
  LEFT JOIN LATERAL (
    SELECT e.seq FROM session_ledger.event e
     WHERE e.bucket = v.bucket AND e.session_id = v.session_id AND e.kind = 'renewed'
       AND e.occurred_at <= u.at AND e.recorded_at <= least(:asKnownAt::timestamptz, u.at + interval '10 minutes')
     ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1
  ) renewed ON true
  LEFT JOIN LATERAL (
    SELECT c.ip, c.user_agent FROM session_ledger.event e
      JOIN session_ledger.client c ON c.bucket = e.bucket AND c.client_id = e.client_id
     WHERE e.bucket = v.bucket AND e.session_id = v.session_id AND e.client_id IS NOT NULL
       AND e.occurred_at <= u.at AND e.recorded_at <= least(:asKnownAt::timestamptz, u.at + interval '10 minutes')
     ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1
  ) seen ON true
 ORDER BY u.at, u.user_id NULLS LAST, v.session_id
