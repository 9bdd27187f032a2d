import type { MigrationInterface, QueryRunner } from 'typeorm';

/*
 * What may join an application's own transaction. Every function requires READ COMMITTED: the subject row is locked by
 * one statement, and the sessions are read by a second one, with a snapshot taken after the lock. In one statement, a
 * login in flight would survive the revocation of all sessions (tried).
 *
 * Lock order, everywhere: subject rows by subject_id, then session rows by (bucket, session_id).
 */
const partsSql = `
CREATE TYPE session_ledger.client_seen AS (ip inet, user_agent text, salt bytea, commitment bytea);
COMMENT ON TYPE session_ledger.client_seen IS 'A client as the request showed it; salt and commitment are used when the session has not seen this client before.';

CREATE FUNCTION session_ledger.require_read_committed() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'sessions are opened and revoked under READ COMMITTED, not %', current_setting('transaction_isolation')
      USING ERRCODE = 'SL002', HINT = 'A snapshot taken before the lock could miss a login in flight. Run this in a READ COMMITTED transaction.';
  END IF;
END $$;

CREATE FUNCTION session_ledger.lock_subjects(p_subject_ids uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_found integer;
BEGIN
  SELECT count(*) INTO v_found FROM (
    SELECT 1 FROM session_ledger.subject s WHERE s.subject_id = ANY (p_subject_ids) ORDER BY s.subject_id FOR NO KEY UPDATE) locked;
  IF v_found < (SELECT count(DISTINCT id) FROM unnest(p_subject_ids) id WHERE id IS NOT NULL) THEN
    RAISE EXCEPTION 'the subject is not recorded' USING ERRCODE = 'SL003', HINT = 'Record the subject first, on a connection of its own.';
  END IF;
END $$;

CREATE FUNCTION session_ledger.client_of(p_bucket smallint, p_session_id uuid, p_subject_id uuid, p_seen session_ledger.client_seen,
  OUT client_id bigint, OUT introduction jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p_seen.ip IS NULL AND p_seen.user_agent IS NULL THEN
    RETURN;
  END IF;
  SELECT c.client_id INTO client_of.client_id FROM session_ledger.client c
   WHERE c.bucket = p_bucket AND c.session_id = p_session_id AND c.erased_at IS NULL
     AND c.ip IS NOT DISTINCT FROM p_seen.ip AND c.user_agent IS NOT DISTINCT FROM p_seen.user_agent;
  IF NOT FOUND THEN
    client_id := nextval('session_ledger.client_id_block');
    INSERT INTO session_ledger.client (bucket, client_id, session_id, subject_id, ip, user_agent, salt, commitment)
    VALUES (p_bucket, client_of.client_id, p_session_id, p_subject_id, p_seen.ip, p_seen.user_agent, p_seen.salt, p_seen.commitment);
    introduction := jsonb_build_object('clientCommitment', encode(p_seen.commitment, 'hex'));
  END IF;
END $$;

CREATE FUNCTION session_ledger.end_session(p_session session_ledger.session, p_reason text, p_actor_id uuid, p_detail jsonb,
  p_seen session_ledger.client_seen, p_recorded_by integer) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_now timestamptz := session_ledger.ledger_clock();
  v_at timestamptz := greatest(v_now, p_session.last_used_at + interval '1 microsecond');
  v_reason text := p_reason;
  v_client record;
BEGIN
  IF v_now >= p_session.expires_at THEN
    v_at := p_session.expires_at;
    v_reason := CASE WHEN p_session.expires_at = p_session.absolute_expires_at THEN 'absolute' ELSE 'idle' END;
    INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, reason, recorded_by)
    VALUES ('expired', p_session.bucket, p_session.session_id, p_session.event_count + 1, v_at, v_reason, p_recorded_by);
  ELSE
    SELECT * INTO v_client FROM session_ledger.client_of(p_session.bucket, p_session.session_id, p_session.subject_id, p_seen);
    INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, reason, actor_id, client_id, detail, recorded_by)
    VALUES ('revoked', p_session.bucket, p_session.session_id, p_session.event_count + 1, v_at, v_reason, p_actor_id, v_client.client_id,
            nullif(coalesce(p_detail, '{}') || coalesce(v_client.introduction, '{}'), '{}'), p_recorded_by);
  END IF;
  UPDATE session_ledger.session s SET ended_at = v_at, end_reason = v_reason, event_count = s.event_count + 1
   WHERE s.bucket = p_session.bucket AND s.session_id = p_session.session_id;
  RETURN v_now < p_session.expires_at;
END $$;
COMMENT ON FUNCTION session_ledger.end_session IS
  'Ends a session whose row the caller has locked: revoked now, or, when its deadline has passed, expired at the deadline (false).';
`;

const openSql = `
CREATE FUNCTION session_ledger.open_session(
  p_session_id uuid, p_secret_digest bytea, p_subject_id uuid, p_actor_id uuid, p_application text,
  p_idle_seconds integer, p_absolute_seconds integer, p_max_concurrent integer, p_on_limit text,
  p_amr text[], p_acr text, p_detail jsonb, p_seen session_ledger.client_seen,
  p_replaced_session_id uuid, p_replaced_digest bytea, p_recorded_by integer,
  OUT opened boolean, OUT created_at timestamptz, OUT expires_at timestamptz, OUT absolute_expires_at timestamptz, OUT ended_session_ids uuid[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_bucket smallint := get_byte(uuid_send(p_session_id), 15) & 63;
  v_subject_commitment bytea;
  v_now timestamptz;
  v_victims uuid[] := '{}';
  v_replaced uuid;
  v_client record;
  v_session session_ledger.session;
BEGIN
  PERFORM session_ledger.require_read_committed();
  PERFORM session_ledger.begin_recording();
  IF p_absolute_seconds > coalesce((SELECT l.absolute_seconds FROM session_ledger.lifetime_limit l), 0) THEN
    RAISE EXCEPTION 'a lifetime of % seconds is longer than any policy on the ledger', p_absolute_seconds
      USING ERRCODE = 'SL004', HINT = 'Set the policy first; answers rely on the longest lifetime being on the ledger.';
  END IF;
  PERFORM session_ledger.record_application(p_application, p_recorded_by);
  PERFORM session_ledger.lock_subjects(ARRAY[p_subject_id, p_actor_id]);
  v_now := session_ledger.ledger_clock();

  SELECT s.session_id INTO v_replaced FROM session_ledger.session s
   WHERE s.bucket = get_byte(uuid_send(p_replaced_session_id), 15) & 63 AND s.session_id = p_replaced_session_id
     AND s.secret_digest = p_replaced_digest AND s.end_reason IS NULL;
  IF p_max_concurrent IS NOT NULL AND p_actor_id IS NULL THEN
    -- A use that read the clock before the deadline may still be under way and lengthen a session that looks lapsed: it is
    -- waited for before the sessions are counted.
    PERFORM 1 FROM session_ledger.lock_live_sessions(v_replaced
      || session_ledger.sessions_over_limit(v_bucket, p_subject_id, v_replaced, p_max_concurrent, v_now)
      || ARRAY(SELECT l.session_id FROM session_ledger.session l
                WHERE l.bucket = v_bucket AND l.subject_id = p_subject_id AND l.actor_id IS NULL AND l.ended_at IS NULL AND l.expires_at <= v_now));
    v_victims := session_ledger.sessions_over_limit(v_bucket, p_subject_id, v_replaced, p_max_concurrent, v_now);
  END IF;
  opened := cardinality(v_victims) = 0 OR p_on_limit = 'evict-oldest';
  ended_session_ids := '{}';
  IF NOT opened THEN
    RETURN;
  END IF;
  FOR v_session IN SELECT * FROM session_ledger.lock_live_sessions(v_victims || v_replaced) LOOP
    IF v_session.session_id = v_replaced THEN
      PERFORM session_ledger.end_session(v_session, 'replaced', NULL, NULL, p_seen, p_recorded_by);
    ELSE
      PERFORM session_ledger.end_session(v_session, 'concurrency', NULL, NULL, NULL, p_recorded_by);
    END IF;
    ended_session_ids := ended_session_ids || v_session.session_id;
    -- While the clock is held at the floor, an end is dated a microsecond after the last use, which is later than now.
    v_now := greatest(v_now, v_session.last_used_at + interval '1 microsecond');
  END LOOP;

  created_at := greatest(session_ledger.ledger_clock(), v_now);
  absolute_expires_at := created_at + p_absolute_seconds * interval '1 second';
  expires_at := least(created_at + p_idle_seconds * interval '1 second', absolute_expires_at);
  SELECT s.commitment INTO v_subject_commitment FROM session_ledger.subject s WHERE s.subject_id = p_subject_id;
  SELECT * INTO v_client FROM session_ledger.client_of(v_bucket, p_session_id, p_subject_id, p_seen);
  INSERT INTO session_ledger.session (bucket, session_id, secret_digest, subject_id, actor_id, application, created_at, authenticated_at,
    last_used_at, expires_at, absolute_expires_at, sweep_at, idle_seconds, event_count, acr, amr)
  VALUES (v_bucket, p_session_id, p_secret_digest, p_subject_id, p_actor_id, p_application, created_at, created_at,
    created_at, expires_at, absolute_expires_at, expires_at, p_idle_seconds, 1, p_acr, p_amr);
  INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, subject_id, actor_id, application,
    absolute_expires_at, idle_seconds, secret_digest, client_id, detail, recorded_by)
  VALUES ('created', v_bucket, p_session_id, 1, created_at, expires_at, p_subject_id, p_actor_id, p_application,
    absolute_expires_at, p_idle_seconds, p_secret_digest, v_client.client_id,
    p_detail || jsonb_build_object('subjectCommitment', encode(v_subject_commitment, 'hex'), 'amr', p_amr, 'acr', p_acr)
             || coalesce(v_client.introduction, '{}'), p_recorded_by);
END $$;

CREATE FUNCTION session_ledger.lock_live_sessions(p_session_ids uuid[]) RETURNS SETOF session_ledger.session
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_session_id uuid;
BEGIN
  -- One by one, by the primary key, in the order in which everybody locks. Joined to the list, by a plan that was made while the table
  -- was small, each opening read all of it (measured: 10,400 openings by one statement on a new ledger took 51 s, and 7 s so).
  FOR v_session_id IN SELECT id FROM unnest(p_session_ids) id WHERE id IS NOT NULL ORDER BY get_byte(uuid_send(id), 15) & 63, id LOOP
    RETURN QUERY SELECT s.* FROM session_ledger.session s
      WHERE s.bucket = get_byte(uuid_send(v_session_id), 15) & 63 AND s.session_id = v_session_id AND s.end_reason IS NULL FOR NO KEY UPDATE;
  END LOOP;
END $$;

CREATE FUNCTION session_ledger.sessions_over_limit(p_bucket smallint, p_subject_id uuid, p_replaced uuid, p_max_concurrent integer, p_now timestamptz) RETURNS uuid[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  -- Live by deadline, not by ended_at: a session that lapsed while the expiry job was down takes nobody's place.
  SELECT coalesce(array_agg(session_id), '{}') FROM (
    SELECT s.session_id, row_number() OVER (ORDER BY s.created_at DESC, s.session_id DESC) AS newest
      FROM session_ledger.session s
     WHERE p_max_concurrent IS NOT NULL AND s.bucket = p_bucket AND s.subject_id = p_subject_id AND s.actor_id IS NULL
       AND s.ended_at IS NULL AND s.expires_at > p_now AND s.session_id IS DISTINCT FROM p_replaced) live
   WHERE newest >= p_max_concurrent
$$;
`;

const renewSql = `
CREATE FUNCTION session_ledger.renew_session(
  p_session_id uuid, p_secret_digest bytea, p_new_digest bytea, p_idle_seconds integer, p_absolute_seconds integer,
  p_amr text[], p_acr text, p_detail jsonb, p_seen session_ledger.client_seen, p_recorded_by integer,
  OUT renewed boolean, OUT renewed_at timestamptz, OUT expires_at timestamptz, OUT absolute_expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_bucket smallint := get_byte(uuid_send(p_session_id), 15) & 63;
  v_session session_ledger.session;
  v_client record;
  v_fresh boolean := cardinality(p_amr) > 0;
  v_now timestamptz;
BEGIN
  PERFORM session_ledger.require_read_committed();
  PERFORM session_ledger.begin_recording();
  IF p_absolute_seconds > coalesce((SELECT l.absolute_seconds FROM session_ledger.lifetime_limit l), 0) THEN
    RAISE EXCEPTION 'a lifetime of % seconds is longer than any policy on the ledger', p_absolute_seconds USING ERRCODE = 'SL004';
  END IF;
  renewed := false;
  SELECT s.* INTO v_session FROM session_ledger.session s
   WHERE s.bucket = v_bucket AND s.session_id = p_session_id AND s.secret_digest = p_secret_digest AND s.end_reason IS NULL
     FOR NO KEY UPDATE;
  v_now := session_ledger.ledger_clock();
  IF NOT FOUND OR v_now >= v_session.expires_at THEN
    RETURN;
  END IF;
  renewed_at := greatest(v_now, v_session.last_used_at + interval '1 microsecond');
  -- Without a fresh authentication a renewal never lengthens the absolute lifetime (NIST SP 800-63B-4 5.2); a tightened policy shortens it.
  absolute_expires_at := CASE WHEN v_fresh THEN renewed_at + p_absolute_seconds * interval '1 second'
                              ELSE least(v_session.absolute_expires_at, v_session.authenticated_at + p_absolute_seconds * interval '1 second') END;
  expires_at := least(renewed_at + p_idle_seconds * interval '1 second', absolute_expires_at);
  IF expires_at <= renewed_at THEN
    RETURN;
  END IF;
  renewed := true;
  SELECT * INTO v_client FROM session_ledger.client_of(v_bucket, p_session_id, v_session.subject_id, p_seen);
  UPDATE session_ledger.session s
     SET secret_digest = p_new_digest, last_used_at = renewed_at, expires_at = renew_session.expires_at, absolute_expires_at = renew_session.absolute_expires_at,
         idle_seconds = p_idle_seconds, event_count = s.event_count + 1,
         authenticated_at = CASE WHEN v_fresh THEN renewed_at ELSE s.authenticated_at END,
         amr = CASE WHEN v_fresh THEN p_amr ELSE s.amr END, acr = CASE WHEN v_fresh THEN p_acr ELSE s.acr END
   WHERE s.bucket = v_bucket AND s.session_id = p_session_id
  RETURNING s.* INTO v_session;
  INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, expires_at, subject_id, actor_id, application,
    absolute_expires_at, idle_seconds, secret_digest, client_id, detail, recorded_by)
  SELECT 'renewed', v_bucket, p_session_id, v_session.event_count, renewed_at, renew_session.expires_at, v_session.subject_id, v_session.actor_id,
         v_session.application, renew_session.absolute_expires_at, p_idle_seconds, p_new_digest, v_client.client_id,
         p_detail || jsonb_build_object('subjectCommitment', encode(u.commitment, 'hex'), 'fresh', v_fresh, 'amr', v_session.amr, 'acr', v_session.acr)
                  || coalesce(v_client.introduction, '{}'), p_recorded_by
    FROM session_ledger.subject u WHERE u.subject_id = v_session.subject_id;
END $$;
`;

const revokeSql = `
CREATE FUNCTION session_ledger.revoke_session(
  p_session_id uuid, p_secret_digest bytea, p_reason text, p_actor_id uuid, p_detail jsonb, p_seen session_ledger.client_seen, p_recorded_by integer,
  OUT known boolean, OUT revoked integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_bucket smallint := get_byte(uuid_send(p_session_id), 15) & 63;
  v_session session_ledger.session;
BEGIN
  PERFORM session_ledger.require_read_committed();
  PERFORM session_ledger.begin_recording();
  revoked := 0;
  SELECT s.* INTO v_session FROM session_ledger.session s
   WHERE s.bucket = v_bucket AND s.session_id = p_session_id AND (p_secret_digest IS NULL OR s.secret_digest = p_secret_digest)
     FOR NO KEY UPDATE;
  known := FOUND;
  IF NOT known THEN
    -- The row of an ended session may have been pruned; the ledger still knows it.
    known := p_secret_digest IS NULL AND EXISTS (
      SELECT 1 FROM session_ledger.event e
       WHERE e.bucket = v_bucket AND e.session_id = p_session_id AND e.recorded_at >= session_ledger.before_birth_of(p_session_id));
    RETURN;
  END IF;
  IF v_session.ended_at IS NOT NULL THEN
    RETURN;
  END IF;
  revoked := session_ledger.end_session(v_session, p_reason, p_actor_id, p_detail, p_seen, p_recorded_by)::integer;
END $$;

CREATE FUNCTION session_ledger.revoke_sessions(
  p_subject_id uuid, p_except_session_id uuid, p_reason text, p_actor_id uuid, p_detail jsonb, p_seen session_ledger.client_seen, p_recorded_by integer,
  p_applications text[])
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_session session_ledger.session;
  v_revoked integer := 0;
BEGIN
  PERFORM session_ledger.require_read_committed();
  PERFORM session_ledger.begin_recording();
  PERFORM session_ledger.lock_subjects(ARRAY[p_subject_id]);
  -- Sessions the user holds, and those in which the user acts as somebody else: both are this person logged in.
  FOR v_session IN
    SELECT s.* FROM session_ledger.session s
     WHERE s.ended_at IS NULL AND s.session_id IS DISTINCT FROM p_except_session_id
       AND (p_applications IS NULL OR s.application = ANY (p_applications))
       AND ((s.bucket = get_byte(uuid_send(p_subject_id), 15) & 63 AND s.subject_id = p_subject_id) OR s.actor_id = p_subject_id)
     ORDER BY s.bucket, s.session_id FOR NO KEY UPDATE
  LOOP
    IF session_ledger.end_session(v_session, p_reason, p_actor_id, p_detail, p_seen, p_recorded_by) THEN
      v_revoked := v_revoked + 1;
    END IF;
  END LOOP;
  RETURN v_revoked;
END $$;
`;

export class SessionFunctions1767225600003 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(partsSql);
    await queryRunner.query(openSql);
    await queryRunner.query(renewSql);
    await queryRunner.query(revokeSql);
  }

  async down(): Promise<void> {
    throw new Error('refusing to drop the functions sessions are kept with; go forward with a new migration');
  }
}
