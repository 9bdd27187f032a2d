import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The clock and the ledger itself: one append-only table, partitioned by UTC month.
 *
 * `clock_floor` is a sequence, not a row, because the default of `recorded_at` must read it for every event: a
 * sequence is read by one C function (pg_sequence_last_value), where a lookup of the horizon row costs a query per row.
 *
 * The clock's functions are bound when they are made (RETURN, not a body as text): a caller who puts a
 * clock_timestamp() of his own on his search_path still gets the database's.
 */
const clockSql = `
CREATE SEQUENCE session_ledger.clock_floor AS bigint MINVALUE 0 START 0;
COMMENT ON SEQUENCE session_ledger.clock_floor IS
  'Microseconds since 1970 UTC below which no event may be dated; raised by the fence before it waits (design: horizon).';

CREATE FUNCTION session_ledger.clock_floor() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN timestamptz 'epoch' + pg_sequence_last_value('session_ledger.clock_floor'::regclass) * interval '1 microsecond';

CREATE FUNCTION session_ledger.ledger_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN greatest(clock_timestamp(), session_ledger.clock_floor());
COMMENT ON FUNCTION session_ledger.ledger_clock() IS
  'The only clock of the ledger: the database''s, held at the floor, so that it never runs backwards.';

CREATE TABLE session_ledger.horizon (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  settled_at timestamptz NOT NULL,
  identity jsonb NOT NULL,
  step_accepted_until timestamptz
);
COMMENT ON COLUMN session_ledger.horizon.settled_at IS 'H: everything dated at or before it is visible, on this server and on every replica that shows this row.';
COMMENT ON COLUMN session_ledger.horizon.identity IS 'The database that H holds for: its system identifier and timeline. On another one H stands still until the gap is on the ledger.';
COMMENT ON COLUMN session_ledger.horizon.step_accepted_until IS 'Set by "gap record" after the clock stepped back: recording goes on, held at this instant, until the clock has passed it.';

CREATE TABLE session_ledger.server_run (
  server_started_at timestamptz PRIMARY KEY,
  settled_before timestamptz NOT NULL,
  settled_from timestamptz NOT NULL
);
COMMENT ON TABLE session_ledger.server_run IS
  'One row for each start of the server: the horizon that it found, and the first one that it reached. Between the two lies no horizon of this ledger.';

CREATE FUNCTION session_ledger.clock_is_behind() RETURNS boolean LANGUAGE sql VOLATILE
RETURN coalesce(clock_timestamp() < session_ledger.clock_floor() - interval '1 second', false)
   AND NOT EXISTS (SELECT 1 FROM session_ledger.horizon h WHERE h.step_accepted_until >= session_ledger.clock_floor());
COMMENT ON FUNCTION session_ledger.clock_is_behind() IS
  'True when the clock stepped back by more than the second that is bridged silently: recording stops until an operator records a gap.';
`;

/*
 * Column order is by alignment (8, 4, 2, then variable), so that a `used` event is 104 bytes on its page. Columns from
 * `reason` on are null in a `used` event and cost nothing there.
 *
 * seq is an identity BY DEFAULT, not ALWAYS: who may not set it is a matter of privilege (42501), and ALWAYS would answer
 * with a syntax error before privileges are looked at, while its OVERRIDING clause lets everybody through who has them.
 *
 * Checks say IS TRUE, because a CHECK that comes out null passes: a `used` event without a deadline would.
 *
 * What the application's role inserts has to be sealable, or whoever has that role stops the sealing of all that follows:
 *
 *   event_fits_a_leaf    a leaf holds at most 65,535 bytes (C2SP tlog-tiles). A detail may stand in it as JSON text once more,
 *                        which doubles its quotes and backslashes: 56,000 bytes of it, 6 for each character of the other
 *                        texts, and 800 for all the rest fit. More than 1,000 brackets could nest deeper than readers' stacks
 *   event_within_years   a leaf writes instants of the years 1 to 9999; neither infinity nor BC has a spelling there
 *   event_is_numbered    what identity starts at: an event before the first one would stand under no seal
 *
 * The sealer reads the newest stretch by seq, hence autosummarize: without it BRIN reads every block since the last
 * vacuum, each time.
 *
 * event_session is without the bucket, which the session implies: leading, as elsewhere, it would make each entry 8 bytes longer (two, and
 * what aligns the instant). Measured where uses arrive interleaved, 20, 30 and 45 of each session: 188, 171 and 179 bytes a use with all
 * indexes, and 195, 187 and 187 with the bucket in front. Behind the number in the session it would cost nothing, but an event that is
 * looked for by its instant was then found by blocks: PostgreSQL 18 takes a condition behind a gap for dear.
 *
 * The window of event_recorded_promptly is what lets every reader bound recorded_at by occurred_at and so prune
 * partitions; as a CHECK it is also a guarantee: nobody, the application's role included, can back-date an event by
 * more than ten minutes. Only `expired` is recorded late (design section 6).
 */
const eventSql = `
CREATE TABLE session_ledger.recorder (
  recorder_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
  first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE session_ledger.recorder IS 'Who wrote an event: an instance of the service or library, and the API key it acted for.';

CREATE TABLE session_ledger.event (
  seq bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 1),
  recorded_at timestamptz NOT NULL DEFAULT session_ledger.ledger_clock(),
  occurred_at timestamptz NOT NULL,
  expires_at timestamptz,
  client_id bigint,
  session_seq integer,
  recorded_by integer NOT NULL,
  bucket smallint NOT NULL,
  session_id uuid,
  kind text COLLATE "C" NOT NULL,
  reason text COLLATE "C",
  subject_id uuid,
  actor_id uuid,
  application text COLLATE "C",
  absolute_expires_at timestamptz,
  idle_seconds integer,
  secret_digest bytea,
  detail jsonb,
  CONSTRAINT event_shape CHECK ((
    CASE kind
      WHEN 'used' THEN session_seq > 1 AND occurred_at < expires_at AND subject_id IS NULL
      WHEN 'created' THEN session_seq = 1 AND occurred_at < expires_at AND expires_at <= absolute_expires_at
        AND subject_id IS NOT NULL AND application IS NOT NULL AND length(secret_digest) = 32
      WHEN 'renewed' THEN session_seq > 1 AND occurred_at < expires_at AND expires_at <= absolute_expires_at
        AND subject_id IS NOT NULL AND application IS NOT NULL AND length(secret_digest) = 32
      WHEN 'revoked' THEN session_seq > 1 AND expires_at IS NULL AND reason IS NOT NULL
      WHEN 'expired' THEN session_seq > 1 AND expires_at IS NULL AND reason IN ('idle', 'absolute')
      ELSE session_id IS NULL AND session_seq IS NULL AND expires_at IS NULL
    END) IS TRUE),
  CONSTRAINT event_bucket CHECK (
    CASE WHEN session_seq IS NULL THEN session_id IS NULL AND bucket = 0
         ELSE session_id IS NOT NULL AND bucket = get_byte(uuid_send(session_id), 15) & 63 END),
  CONSTRAINT event_fits_a_leaf CHECK (
    length(kind) <= 64 AND length(reason) <= 1000 AND length(application) <= 255 AND length(secret_digest) = 32
    AND octet_length(detail::text) + length(detail::text) - length(translate(detail::text, '"\\', '')) <= 56000
    AND length(detail::text) - length(translate(detail::text, '[{', '')) <= 1000),
  CONSTRAINT event_within_years CHECK (
    least(occurred_at, recorded_at, expires_at, absolute_expires_at) >= '0001-01-01T00:00:00Z'
    AND greatest(occurred_at, recorded_at, expires_at, absolute_expires_at) < '10000-01-01T00:00:00Z'),
  -- Every answer reads the policies; one that is no number, or longer than any policy may be, would make all of them fail.
  CONSTRAINT event_policy_is_bounded CHECK (
    CASE WHEN kind <> 'policy_set' THEN true
         WHEN jsonb_typeof(detail -> 'absoluteSeconds') = 'number' THEN (detail ->> 'absoluteSeconds')::numeric BETWEEN 1 AND 34560000
         ELSE false END),
  CONSTRAINT event_is_numbered CHECK (seq > 0),
  CONSTRAINT event_recorded_promptly CHECK (
    recorded_at - occurred_at >= interval '-1 minute' AND (kind = 'expired' OR recorded_at - occurred_at <= interval '10 minutes'))
) PARTITION BY RANGE (recorded_at);
COMMENT ON TABLE session_ledger.event IS 'The ledger: append-only. Every fact about a session, and about the ledger itself, in the order of seq.';

CREATE INDEX event_session ON session_ledger.event (session_id, occurred_at, session_seq);
CREATE INDEX event_subject ON session_ledger.event (bucket, subject_id, occurred_at) WHERE kind IN ('created', 'renewed');
CREATE INDEX event_opening ON session_ledger.event (occurred_at, seq) WHERE kind IN ('created', 'renewed');
CREATE INDEX event_of_ledger ON session_ledger.event (kind, seq) WHERE session_id IS NULL;
CREATE INDEX event_seq ON session_ledger.event USING brin (seq) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX event_recorded_at ON session_ledger.event USING brin (recorded_at) WITH (pages_per_range = 32);
CREATE INDEX event_occurred_at ON session_ledger.event USING brin (occurred_at) WITH (pages_per_range = 32);

CREATE FUNCTION session_ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: the ledger is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege',
          HINT = 'A correction is a new event. Retention drops whole months through its own function.';
END $$;

CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON session_ledger.event
  FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON session_ledger.event
  FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.event ENABLE ALWAYS TRIGGER event_append_only;
ALTER TABLE session_ledger.event ENABLE ALWAYS TRIGGER event_no_truncate;
`;

/*
 * CREATE ... PARTITION OF takes ACCESS EXCLUSIVE on the parent and queues every insert behind the oldest open
 * transaction (tried); CREATE LIKE, then ATTACH, takes SHARE UPDATE EXCLUSIVE. ATTACH still locks the DEFAULT
 * partition, which every open reader of the ledger holds too, and while it waits new readers queue behind it: so
 * lock_timeout bounds the wait, and the caller retries. Inserts do not touch the DEFAULT partition and never wait.
 */
const partitionSql = `
CREATE TABLE session_ledger.event_default PARTITION OF session_ledger.event DEFAULT;
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON session_ledger.event_default
  FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.event_default ENABLE ALWAYS TRIGGER event_append_only;
ALTER TABLE session_ledger.event_default ENABLE ALWAYS TRIGGER event_no_truncate;

CREATE FUNCTION session_ledger.attach_partition(p_table text, p_from timestamptz, p_to timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE session_ledger.event ATTACH PARTITION session_ledger.%I FOR VALUES FROM (%L) TO (%L)',
                 p_table, p_from, p_to);
  EXECUTE format('ALTER TABLE session_ledger.%I ENABLE ALWAYS TRIGGER event_append_only', p_table);
END $$;

CREATE FUNCTION session_ledger.create_partition_table(p_table text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('CREATE TABLE session_ledger.%I (LIKE session_ledger.event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', p_table);
  EXECUTE format('CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON session_ledger.%I
                  FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change()', p_table);
  EXECUTE format('ALTER TABLE session_ledger.%I ENABLE ALWAYS TRIGGER event_no_truncate', p_table);
END $$;

CREATE FUNCTION session_ledger.promote_default_partition() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  v_first timestamptz;
  v_last timestamptz;
  v_table text;
BEGIN
  -- Parent before partition, as every insert does: the other way round the two would deadlock.
  LOCK TABLE ONLY session_ledger.event IN ACCESS EXCLUSIVE MODE;
  LOCK TABLE session_ledger.event_default IN ACCESS EXCLUSIVE MODE;
  SELECT date_trunc('month', min(recorded_at)), date_trunc('month', max(recorded_at)) + interval '1 month'
    INTO v_first, v_last FROM session_ledger.event_default;
  IF v_first IS NULL THEN
    RETURN NULL;
  END IF;
  v_table := 'event_' || to_char(v_first, 'YYYY_MM');
  ALTER TABLE session_ledger.event DETACH PARTITION session_ledger.event_default;
  EXECUTE format('ALTER TABLE session_ledger.event_default RENAME TO %I', v_table);
  PERFORM session_ledger.attach_partition(v_table, v_first, v_last);
  PERFORM session_ledger.create_partition_table('event_default');
  ALTER TABLE session_ledger.event ATTACH PARTITION session_ledger.event_default DEFAULT;
  ALTER TABLE session_ledger.event_default ENABLE ALWAYS TRIGGER event_append_only;
  RETURN v_table;
END $$;
COMMENT ON FUNCTION session_ledger.promote_default_partition() IS
  'Turns a DEFAULT partition that caught rows into the partition of their month(s), with a new DEFAULT behind, in one transaction.';

CREATE FUNCTION session_ledger.ensure_partitions(p_months_ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
  v_month timestamptz := date_trunc('month', session_ledger.ledger_clock());
  v_made integer := 0;
BEGIN
  IF p_months_ahead NOT BETWEEN 0 AND 24 THEN
    RAISE EXCEPTION 'months ahead must be 0 to 24, not %', p_months_ahead USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- One maker at a time: two instances that start together must not race for the same table name.
  PERFORM pg_advisory_xact_lock(hashtextextended('session_ledger.ensure_partitions', 0));
  IF EXISTS (SELECT 1 FROM session_ledger.event_default) THEN
    PERFORM session_ledger.promote_default_partition();
    v_made := v_made + 1;
  END IF;
  FOR i IN 0..p_months_ahead LOOP
    IF NOT session_ledger.has_partition_for(v_month) THEN
      BEGIN
        PERFORM session_ledger.create_partition_table('event_' || to_char(v_month, 'YYYY_MM'));
        PERFORM session_ledger.attach_partition('event_' || to_char(v_month, 'YYYY_MM'), v_month, v_month + interval '1 month');
      EXCEPTION WHEN check_violation THEN
        -- An event of this month reached the DEFAULT partition since we looked there.
        PERFORM session_ledger.promote_default_partition();
      END;
      v_made := v_made + 1;
    END IF;
    v_month := v_month + interval '1 month';
  END LOOP;
  RETURN v_made;
END $$;

CREATE FUNCTION session_ledger.has_partition_for(p_month timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  v_bounds text[];
  v_partition record;
BEGIN
  FOR v_partition IN
    SELECT pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'session_ledger.event'::regclass
  LOOP
    v_bounds := regexp_match(v_partition.bound, 'FROM \\(''(.*)''\\) TO \\(''(.*)''\\)');
    IF v_bounds IS NOT NULL AND p_month >= v_bounds[1]::timestamptz AND p_month < v_bounds[2]::timestamptz THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END $$;
`;

export class EventLedger1767225600000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(clockSql);
    await queryRunner.query(eventSql);
    await queryRunner.query(partitionSql);
  }

  /** A ledger is never unmade by a migration: drop the schema by hand if you truly mean to. */
  async down(): Promise<void> {
    throw new Error('refusing to drop the event ledger; restore a backup into an empty database instead');
  }
}
