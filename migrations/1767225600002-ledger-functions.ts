import type { MigrationInterface, QueryRunner } from 'typeorm';

/*
 * SECURITY DEFINER functions of the owner. SQLSTATEs of class SL are ours and are mapped to error codes in
 * src/ledger/sqlstate.ts: SL001 clock behind, SL002 isolation level, SL003 subject not recorded, SL004 policy beyond
 * the longest lifetime on the ledger, SL005 a gap that ends before it begins, SL006 one that has not ended yet.
 */
const ledgerEventSql = `
CREATE FUNCTION session_ledger.begin_recording() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE ONLY session_ledger.event IN ROW EXCLUSIVE MODE;
  IF current_setting('idle_in_transaction_session_timeout') = '0' THEN
    PERFORM set_config('idle_in_transaction_session_timeout', '1min', true);
  END IF;
  IF session_ledger.clock_is_behind() THEN
    RAISE EXCEPTION 'the database clock stepped back to %, below % which is already on the ledger', clock_timestamp(), session_ledger.clock_floor()
      USING ERRCODE = 'SL001', HINT = 'Correct the clock, or record the gap with "session-ledger gap record".';
  END IF;
END $$;
COMMENT ON FUNCTION session_ledger.begin_recording() IS
  'First step of every function that reads the clock into a variable and inserts later: the lock taken before the reading is what the fence waits for. Without it H could pass between the two. An application that joined with no limit on idling gets one, because its open transaction holds H back.';

CREATE FUNCTION session_ledger.record_ledger_event(p_kind text, p_application text, p_reason text, p_detail jsonb, p_recorded_by integer)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_seq bigint;
BEGIN
  INSERT INTO session_ledger.event (kind, bucket, occurred_at, application, reason, detail, recorded_by)
  VALUES (p_kind, 0, session_ledger.ledger_clock(), p_application, p_reason, p_detail, p_recorded_by)
  RETURNING seq INTO v_seq;
  RETURN v_seq;
END $$;

CREATE FUNCTION session_ledger.record_application(p_application text, p_recorded_by integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM session_ledger.application WHERE application = p_application) THEN
    RETURN false;
  END IF;
  PERFORM session_ledger.begin_recording();
  INSERT INTO session_ledger.application (application) VALUES (p_application) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM session_ledger.record_ledger_event('application_recorded', p_application, NULL, NULL, p_recorded_by);
  RETURN true;
END $$;

CREATE FUNCTION session_ledger.longest_absolute_seconds() RETURNS bigint LANGUAGE sql STABLE
RETURN (SELECT max((detail ->> 'absoluteSeconds')::bigint) FROM session_ledger.event WHERE session_id IS NULL AND kind = 'policy_set');
COMMENT ON FUNCTION session_ledger.longest_absolute_seconds() IS 'L: the longest absolute lifetime any policy of this ledger ever allowed, in seconds.';

CREATE TABLE session_ledger.lifetime_limit (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  absolute_seconds bigint NOT NULL CHECK (absolute_seconds > 0)
);
COMMENT ON TABLE session_ledger.lifetime_limit IS
  'L once more, for opening and renewing: to read it from the ledger would lock every partition, the DEFAULT included, until the application''s transaction ends, and no partition could be attached meanwhile.';

CREATE FUNCTION session_ledger.set_policy(p_application text, p_policy jsonb, p_recorded_by integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_current jsonb;
BEGIN
  IF (p_policy ->> 'absoluteSeconds')::bigint IS NULL OR (p_policy ->> 'absoluteSeconds')::bigint <= 0 THEN
    RAISE EXCEPTION 'a policy needs absoluteSeconds above 0' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- Two instances that start together with the same policy must leave one event, not two.
  PERFORM pg_advisory_xact_lock(hashtextextended('session_ledger.set_policy', 0));
  SELECT detail INTO v_current FROM session_ledger.event
   WHERE session_id IS NULL AND kind = 'policy_set' AND application = p_application ORDER BY seq DESC LIMIT 1;
  IF v_current = p_policy THEN
    RETURN false;
  END IF;
  PERFORM session_ledger.begin_recording();
  PERFORM session_ledger.record_ledger_event('policy_set', p_application, NULL, p_policy, p_recorded_by);
  INSERT INTO session_ledger.lifetime_limit AS l (absolute_seconds) VALUES ((p_policy ->> 'absoluteSeconds')::bigint)
  ON CONFLICT (only_row) DO UPDATE SET absolute_seconds = greatest(l.absolute_seconds, excluded.absolute_seconds);
  RETURN true;
END $$;

CREATE FUNCTION session_ledger.record_gap(p_from timestamptz, p_to timestamptz, p_cause text, p_detail jsonb, p_recorded_by integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  v_from timestamptz := coalesce(p_from, least(clock_timestamp(), session_ledger.clock_floor()));
  -- A clock that is held at the floor stands still: what begins now and lasts until now still has an instant in it.
  v_to timestamptz := coalesce(p_to, greatest(session_ledger.ledger_clock(), v_from + interval '1 microsecond'));
BEGIN
  IF greatest(v_from, p_to) > session_ledger.ledger_clock() THEN
    RAISE EXCEPTION 'a gap cannot lie in the future: % is after now', greatest(v_from, p_to) USING ERRCODE = 'SL006';
  END IF;
  IF v_from >= v_to THEN
    RAISE EXCEPTION 'a gap needs from before to, not % to %', v_from, v_to USING ERRCODE = 'SL005';
  END IF;
  IF session_ledger.clock_is_behind() THEN
    UPDATE session_ledger.horizon SET step_accepted_until = session_ledger.clock_floor();
  END IF;
  RETURN session_ledger.record_ledger_event('gap', NULL, p_cause,
    coalesce(p_detail, '{}') || jsonb_build_object('from', session_ledger.rfc3339(v_from), 'to', session_ledger.rfc3339(v_to)), p_recorded_by);
END $$;

CREATE FUNCTION session_ledger.record_horizon(p_at timestamptz, p_recorder text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_horizon timestamptz;
  v_recorder integer;
BEGIN
  -- One at a time: many who ask for the same proof leave one event.
  PERFORM pg_advisory_xact_lock(hashtextextended('session_ledger.record_horizon', 0));
  SELECT h.settled_at INTO v_horizon FROM session_ledger.horizon h WHERE h.settled_at >= p_at;
  IF v_horizon IS NULL OR EXISTS (
    SELECT 1 FROM session_ledger.event e
     WHERE e.session_id IS NULL AND e.kind = 'horizon_reached' AND e.recorded_at >= p_at
       AND (e.detail ->> 'settledAt') COLLATE "C" >= session_ledger.rfc3339(p_at)) THEN
    RETURN NULL;
  END IF;
  PERFORM session_ledger.begin_recording();
  INSERT INTO session_ledger.recorder (name) VALUES (p_recorder) ON CONFLICT (name) DO NOTHING;
  SELECT r.recorder_id INTO v_recorder FROM session_ledger.recorder r WHERE r.name = p_recorder;
  RETURN session_ledger.record_ledger_event('horizon_reached', NULL, NULL,
    jsonb_build_object('settledAt', session_ledger.rfc3339(v_horizon)), v_recorder);
END $$;
COMMENT ON FUNCTION session_ledger.record_horizon(timestamptz, text) IS
  'Puts H on the ledger, when it has reached p_at and no event says so yet: all that is dated up to it stands in front of this event, so a proof of absence can end here where nothing else happened since.';

CREATE FUNCTION session_ledger.rfc3339(p_at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

CREATE FUNCTION session_ledger.before_birth_of(p_session_id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN substr(p_session_id::text, 15, 1) <> '7' THEN timestamptz '-infinity'
            ELSE to_timestamp(('x' || substr(p_session_id::text, 1, 8) || substr(p_session_id::text, 10, 4))::bit(48)::bigint / 1000.0 - 86400) END;
COMMENT ON FUNCTION session_ledger.before_birth_of(uuid) IS
  'An instant before which no event of the session was recorded, so that older partitions are left alone: the time in its UUIDv7 (RFC 9562 5.7), which is this database''s, less a day; the beginning of time for an id that the ledger never minted.';
`;

/*
 * The fence. It stands still on a database that nobody has recognised: raised past the events that were lost with the
 * old one, H would settle that they never happened. The identity is compared with a copy beside H and not with the
 * ledger, whose partitions would stay locked for as long as the fence waits, and no partition could be attached.
 *
 * Order matters: the floor is raised first, so that whoever takes the lock after we have looked dates its
 * rows above h; then we wait for those who held the lock when we looked, and only then is h published. A writer takes
 * RowExclusiveLock on the parent before it evaluates a default and keeps it until its commit is visible.
 */
const horizonSql = `
CREATE FUNCTION session_ledger.advance_horizon() RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_horizon timestamptz;
  v_writers text[];
  v_pause_seconds float8 := 0.001;
BEGIN
  -- One fence at a time: two that interleave could lower the floor under a horizon already promised.
  IF NOT pg_try_advisory_xact_lock(hashtextextended('session_ledger.advance_horizon', 0)) THEN
    RETURN NULL;
  END IF;
  IF session_ledger.database_identity() IS DISTINCT FROM session_ledger.recorded_identity() THEN
    RETURN NULL;
  END IF;
  v_horizon := clock_timestamp();
  IF v_horizon < session_ledger.clock_floor() THEN
    RETURN NULL;
  END IF;
  PERFORM setval('session_ledger.clock_floor', (extract(epoch FROM v_horizon) * 1000000)::bigint + 1);
  SELECT array_agg(DISTINCT l.virtualtransaction) INTO v_writers
    FROM pg_locks l
   WHERE l.locktype = 'relation' AND l.granted AND l.relation = 'session_ledger.event'::regclass
     AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
     AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
     AND l.pid IS DISTINCT FROM pg_backend_pid();
  WHILE v_writers IS NOT NULL LOOP
    SELECT array_agg(DISTINCT l.virtualtransaction) INTO v_writers
      FROM pg_locks l
     WHERE l.locktype = 'relation' AND l.granted AND l.relation = 'session_ledger.event'::regclass
       AND l.virtualtransaction = ANY (v_writers);
    IF v_writers IS NOT NULL THEN
      PERFORM pg_sleep(v_pause_seconds);
      v_pause_seconds := least(v_pause_seconds * 2, 0.1);
    END IF;
  END LOOP;
  INSERT INTO session_ledger.server_run (server_started_at, settled_before, settled_from)
  SELECT pg_postmaster_start_time(), h.settled_at, v_horizon FROM session_ledger.horizon h WHERE h.settled_at < v_horizon
      ON CONFLICT DO NOTHING;
  UPDATE session_ledger.horizon SET settled_at = v_horizon WHERE settled_at < v_horizon;
  RETURN v_horizon;
END $$;
`;

/**
 * A restored backup or a promoted standby may lack the newest revocations, so it is noticed by what Postgres itself
 * keeps: the system identifier (another cluster) and the timeline (recovery or promotion). A copy of the files that is put
 * back has both of them right: it lacks a horizon that somebody remembers, who has read it when it was there.
 */
const identitySql = `
CREATE FUNCTION session_ledger.database_identity() RETURNS jsonb LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'systemIdentifier', (SELECT system_identifier::text FROM pg_control_system()),
    'timeline', CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
                     ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint END)
$$;

CREATE FUNCTION session_ledger.recorded_identity() RETURNS jsonb LANGUAGE sql STABLE
RETURN (SELECT h.identity FROM session_ledger.horizon h);
COMMENT ON FUNCTION session_ledger.recorded_identity() IS
  'The database that the ledger last saw itself on, as ledger_started or the gap of its last change says too.';

CREATE FUNCTION session_ledger.start_ledger(p_recorder text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_recorder integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('session_ledger.start_ledger', 0));
  IF EXISTS (SELECT 1 FROM session_ledger.horizon) THEN
    RETURN false;
  END IF;
  INSERT INTO session_ledger.recorder (name) VALUES (p_recorder) ON CONFLICT (name) DO NOTHING;
  SELECT recorder_id INTO v_recorder FROM session_ledger.recorder WHERE name = p_recorder;
  INSERT INTO session_ledger.horizon (settled_at, identity) VALUES (clock_timestamp(), session_ledger.database_identity());
  PERFORM session_ledger.record_ledger_event('ledger_started', NULL, NULL, session_ledger.database_identity(), v_recorder);
  RETURN true;
END $$;

CREATE FUNCTION session_ledger.is_behind(p_known_until timestamptz) RETURNS boolean LANGUAGE sql STABLE
RETURN p_known_until IS NOT NULL
   AND (p_known_until > (SELECT settled_at FROM session_ledger.horizon)
        OR EXISTS (SELECT 1 FROM session_ledger.server_run WHERE p_known_until > settled_before AND p_known_until < settled_from))
   AND NOT EXISTS (SELECT 1 FROM session_ledger.event
                    WHERE session_id IS NULL AND kind = 'gap' AND reason IN ('restored', 'promoted') AND (detail ->> 'to')::timestamptz >= p_known_until);
COMMENT ON FUNCTION session_ledger.is_behind IS
  'Whether a horizon that was seen is none of this ledger, and no gap on it says so yet: a copy of the files was put back. It lies beyond the present one, or, where an instance that had not seen it has raised that in the meantime, between two runs of the server.';

CREATE FUNCTION session_ledger.revoke_live(p_recorded_by integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_session session_ledger.session;
  v_revoked bigint := 0;
BEGIN
  FOR v_session IN SELECT s.* FROM session_ledger.session s WHERE s.ended_at IS NULL ORDER BY s.bucket, s.session_id FOR NO KEY UPDATE LOOP
    IF session_ledger.end_session(v_session, 'restored', NULL, NULL, NULL, p_recorded_by) THEN
      v_revoked := v_revoked + 1;
    END IF;
  END LOOP;
  RETURN v_revoked;
END $$;
COMMENT ON FUNCTION session_ledger.revoke_live IS 'Ends every live session as restored: its revocation may be among what was lost.';

CREATE FUNCTION session_ledger.recognise_database(p_revoke_live boolean, p_recorded_by integer, p_known_until timestamptz,
  OUT changed boolean, OUT gap_seq bigint, OUT revoked bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_now jsonb := session_ledger.database_identity();
  v_from timestamptz;
BEGIN
  changed := false;
  revoked := 0;
  IF v_now = session_ledger.recorded_identity() AND NOT session_ledger.is_behind(p_known_until) THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('session_ledger.recognise_database', 0));
  IF v_now = session_ledger.recorded_identity() AND NOT session_ledger.is_behind(p_known_until) THEN
    RETURN;
  END IF;
  changed := true;
  -- H itself is settled, so the gap begins behind it; not after now, where the clock of the new server is behind the old one's.
  v_from := least((SELECT settled_at + interval '1 microsecond' FROM session_ledger.horizon), session_ledger.ledger_clock());
  gap_seq := session_ledger.record_gap(v_from, NULL,
    CASE WHEN v_now <> session_ledger.recorded_identity() AND v_now -> 'systemIdentifier' = session_ledger.recorded_identity() -> 'systemIdentifier'
         THEN 'promoted' ELSE 'restored' END,
    v_now, p_recorded_by);
  IF p_revoke_live THEN
    revoked := session_ledger.revoke_live(p_recorded_by);
  END IF;
  UPDATE session_ledger.horizon SET identity = v_now;
END $$;
`;

export class LedgerFunctions1767225600002 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(ledgerEventSql);
    await queryRunner.query(horizonSql);
    await queryRunner.query(identitySql);
  }

  async down(): Promise<void> {
    throw new Error('refusing to drop the functions the ledger is kept with; go forward with a new migration');
  }
}
