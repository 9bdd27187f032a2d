-- Which sessions were revoked from :from until before :to, by whom, why, and how long after they were opened and last used?
--
-- :from          timestamptz  the first instant that counts
-- :to            timestamptz  the first instant that does not count any more
-- :reasons       text[]       only revocations for these reasons; null: for any
-- :realm         text         whose user ids these are
-- :applications  text[]       only sessions of these applications; null: of all
-- :asKnownAt     timestamptz  only events recorded at or before it
SELECT r.seq, r.occurred_at AS revoked_at, :realm::text AS realm, s.user_id, r.session_id, opened.application, actor.user_id AS acted_by,
       r.reason, revoked_by.user_id AS revoked_by, note.text AS note, recorder.name AS recorded_by,
       host(c.ip) AS ip, c.user_agent,
       opened.occurred_at AS created_at, before.occurred_at AS last_use_at,
       extract(epoch FROM r.occurred_at - opened.occurred_at)::float8 AS seconds_since_created,
       extract(epoch FROM r.occurred_at - before.occurred_at)::float8 AS seconds_since_last_use
  FROM session_ledger.event r
 CROSS JOIN LATERAL (
   SELECT e.occurred_at, e.application, e.subject_id, e.actor_id FROM session_ledger.event e
    WHERE e.bucket = r.bucket AND e.session_id = r.session_id AND e.kind = 'created'
      AND e.occurred_at <= r.occurred_at AND e.recorded_at <= r.recorded_at
    ORDER BY e.occurred_at, e.session_seq LIMIT 1
 ) opened
 CROSS JOIN LATERAL (
   SELECT e.occurred_at FROM session_ledger.event e
    WHERE e.bucket = r.bucket AND e.session_id = r.session_id AND e.session_seq < r.session_seq
      AND e.occurred_at <= r.occurred_at AND e.recorded_at <= r.recorded_at
    ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1
 ) before
  JOIN session_ledger.subject s ON s.subject_id = opened.subject_id AND s.realm = :realm::text
  JOIN session_ledger.recorder recorder ON recorder.recorder_id = r.recorded_by
  LEFT JOIN session_ledger.subject actor ON actor.subject_id = opened.actor_id
  LEFT JOIN session_ledger.subject revoked_by ON revoked_by.subject_id = r.actor_id
  LEFT JOIN session_ledger.note note ON note.note_id = (r.detail ->> 'noteId')::uuid
  LEFT JOIN session_ledger.client c ON c.bucket = r.bucket AND c.client_id = r.client_id
 WHERE r.kind = 'revoked'
   AND r.occurred_at >= :from::timestamptz AND r.occurred_at < :to::timestamptz
   AND r.recorded_at > :from::timestamptz - interval '1 minute'
   AND r.recorded_at <= least(:asKnownAt::timestamptz, :to::timestamptz + interval '10 minutes')
   AND (:reasons::text[] IS NULL OR r.reason = ANY (:reasons::text[]))
   AND (:applications::text[] IS NULL OR opened.application = ANY (:applications::text[]))
 ORDER BY r.seq
