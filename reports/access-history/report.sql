-- Which sessions were open at some time from :from until before :to, how were they used in that time, and how did they end?
--
-- :from          timestamptz  the first instant that counts
-- :to            timestamptz  the first instant that does not count any more
-- :userIds       text[]       the users asked about; null: everyone
-- :realm         text         whose user ids these are
-- :applications  text[]       only sessions of these applications; null: of all
-- :asKnownAt     timestamptz  only events recorded at or before it
WITH longest_lifetime AS MATERIALIZED (
  SELECT max((p.detail ->> 'absoluteSeconds')::bigint) * interval '1 second' AS duration FROM session_ledger.event p
   WHERE p.session_id IS NULL AND p.kind = 'policy_set' AND p.recorded_at <= :asKnownAt::timestamptz
),
asked_user AS MATERIALIZED (
  SELECT DISTINCT s.subject_id, (get_byte(uuid_send(s.subject_id), 15) & 63)::smallint AS bucket
    FROM unnest(:userIds::text[]) AS asked(user_id)
    JOIN session_ledger.subject s ON s.realm = :realm::text AND s.user_id = asked.user_id COLLATE "C"
),
-- Every session opened or renewed within the longest lifetime before :from, or until :to: no other was open then.
candidate AS (
  SELECT e.bucket, e.session_id, e.subject_id, e.application, e.actor_id
    FROM longest_lifetime l
   CROSS JOIN asked_user u
    JOIN session_ledger.event e
      ON e.bucket = u.bucket AND e.subject_id = u.subject_id AND e.kind IN ('created', 'renewed')
     AND e.occurred_at > :from::timestamptz - l.duration AND e.occurred_at < :to::timestamptz
     AND e.recorded_at > :from::timestamptz - l.duration - interval '1 minute'
     AND e.recorded_at <= least(:asKnownAt::timestamptz, :to::timestamptz + interval '10 minutes')
   WHERE :applications::text[] IS NULL OR e.application = ANY (:applications::text[])
  UNION
  SELECT e.bucket, e.session_id, e.subject_id, e.application, e.actor_id
    FROM longest_lifetime l
    JOIN session_ledger.event e
      ON e.kind IN ('created', 'renewed')
     AND e.occurred_at > :from::timestamptz - l.duration AND e.occurred_at < :to::timestamptz
     AND e.recorded_at > :from::timestamptz - l.duration - interval '1 minute'
     AND e.recorded_at <= least(:asKnownAt::timestamptz, :to::timestamptz + interval '10 minutes')
   WHERE :userIds::text[] IS NULL
     AND (:applications::text[] IS NULL OR e.application = ANY (:applications::text[]))
),
-- How each ended, from the event that decides: by revocation, or by itself at the deadline that this event carries.
open_then AS (
  SELECT c.*, s.user_id, d.seq AS last_seq, terms.policy,
         CASE WHEN d.kind = 'revoked' THEN d.occurred_at WHEN d.expires_at <= :asKnownAt::timestamptz THEN d.expires_at END AS ended_at,
         CASE WHEN d.kind = 'revoked' THEN d.reason
              WHEN d.expires_at <= :asKnownAt::timestamptz THEN CASE WHEN d.expires_at = terms.absolute_expires_at THEN 'absolute' ELSE 'idle' END
         END AS end_reason,
         CASE WHEN d.kind = 'revoked' THEN d.actor_id END AS ended_by_id
    FROM candidate c
   CROSS JOIN longest_lifetime l
    JOIN session_ledger.subject s ON s.subject_id = c.subject_id AND s.realm = :realm::text
   CROSS JOIN LATERAL session_ledger.last_event_at(
           c.bucket, c.session_id, :asKnownAt::timestamptz, :asKnownAt::timestamptz, :from::timestamptz - l.duration - interval '1 minute') d
   CROSS JOIN LATERAL (
     SELECT e.absolute_expires_at, e.detail -> 'policy' ->> 'name' AS policy FROM session_ledger.event e
      WHERE e.bucket = c.bucket AND e.session_id = c.session_id AND e.kind IN ('created', 'renewed')
        AND e.recorded_at > :from::timestamptz - l.duration - interval '1 minute' AND e.recorded_at <= :asKnownAt::timestamptz
      ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1
   ) terms
   WHERE CASE WHEN d.kind = 'revoked' THEN d.occurred_at ELSE d.expires_at END > :from::timestamptz
)
SELECT :realm::text AS realm, o.user_id, o.session_id, o.application, actor.user_id AS acted_by,
       opened.occurred_at AS created_at, host(opened.ip) AS created_from_ip, opened.user_agent AS created_with_agent, opened.amr, opened.acr, o.policy,
       used.first_use_at, used.last_use_at, used.use_count, used.ips, used.client_count,
       o.ended_at, o.end_reason, ended_by.user_id AS ended_by,
       opened.seq AS created_seq, o.last_seq
  FROM open_then o
  LEFT JOIN session_ledger.subject actor ON actor.subject_id = o.actor_id
  LEFT JOIN session_ledger.subject ended_by ON ended_by.subject_id = o.ended_by_id
 CROSS JOIN LATERAL (
   SELECT e.seq, e.occurred_at, c.ip, c.user_agent, e.detail ->> 'acr' AS acr,
          (SELECT array_agg(method ORDER BY n) FROM jsonb_array_elements_text(e.detail -> 'amr') WITH ORDINALITY AS a(method, n)) AS amr
     FROM session_ledger.event e
     LEFT JOIN session_ledger.client c ON c.bucket = e.bucket AND c.client_id = e.client_id
    WHERE e.bucket = o.bucket AND e.session_id = o.session_id AND e.kind = 'created'
      AND e.occurred_at < :to::timestamptz AND e.recorded_at <= least(:asKnownAt::timestamptz, :to::timestamptz + interval '10 minutes')
    ORDER BY e.occurred_at, e.session_seq LIMIT 1
 ) opened
 CROSS JOIN LATERAL (
   SELECT min(e.occurred_at) FILTER (WHERE e.kind = 'used') AS first_use_at,
          max(e.occurred_at) FILTER (WHERE e.kind = 'used') AS last_use_at,
          count(*) FILTER (WHERE e.kind = 'used') AS use_count,
          count(DISTINCT e.client_id) AS client_count,
          array_agg(DISTINCT host(c.ip) COLLATE "C" ORDER BY host(c.ip) COLLATE "C") FILTER (WHERE c.ip IS NOT NULL) AS ips
     FROM session_ledger.event e
     LEFT JOIN session_ledger.client c ON c.bucket = e.bucket AND c.client_id = e.client_id
    WHERE e.bucket = o.bucket AND e.session_id = o.session_id
      AND e.occurred_at >= :from::timestamptz AND e.occurred_at < :to::timestamptz
      AND e.recorded_at > :from::timestamptz - interval '1 minute'
      AND e.recorded_at <= least(:asKnownAt::timestamptz, :to::timestamptz + interval '10 minutes')
 ) used
 ORDER BY o.user_id, opened.occurred_at, o.session_id
