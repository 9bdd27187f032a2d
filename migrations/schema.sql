-- The schema of the ledger as the migrations make it on an empty database, on PostgreSQL 18 with the role prefix
-- session_ledger. Written by scripts/schema-snapshot.mjs, never by hand. Monthly partitions are left out.

CREATE SCHEMA session_ledger;
GRANT USAGE ON SCHEMA session_ledger TO session_ledger_reader;
GRANT USAGE ON SCHEMA session_ledger TO session_ledger_sealer;
GRANT USAGE ON SCHEMA session_ledger TO session_ledger_writer;

CREATE TYPE session_ledger.client_seen AS (ip inet, user_agent text, salt bytea, commitment bytea);
COMMENT ON TYPE session_ledger.client_seen IS 'A client as the request showed it; salt and commitment are used when the session has not seen this client before.';

CREATE SEQUENCE session_ledger.client_id_block AS bigint INCREMENT BY 1000 MINVALUE 1 START 1;
COMMENT ON SEQUENCE session_ledger.client_id_block IS 'First id of a block of 1,000 that one process hands out.';
GRANT USAGE ON SEQUENCE session_ledger.client_id_block TO session_ledger_writer;

CREATE SEQUENCE session_ledger.clock_floor AS bigint INCREMENT BY 1 MINVALUE 0 START 0;
COMMENT ON SEQUENCE session_ledger.clock_floor IS 'Microseconds since 1970 UTC below which no event may be dated; raised by the fence before it waits (design: horizon).';
GRANT SELECT ON SEQUENCE session_ledger.clock_floor TO session_ledger_reader;
GRANT SELECT ON SEQUENCE session_ledger.clock_floor TO session_ledger_sealer;
GRANT SELECT ON SEQUENCE session_ledger.clock_floor TO session_ledger_writer;

CREATE TABLE session_ledger.api_key (
  api_key_id uuid NOT NULL,
  name text COLLATE "C" NOT NULL,
  key_digest bytea NOT NULL,
  roles text[] COLLATE "C" NOT NULL,
  realm text COLLATE "C",
  applications text[] COLLATE "C",
  created_at timestamp with time zone DEFAULT session_ledger.ledger_clock() NOT NULL,
  created_by text COLLATE "C" NOT NULL,
  last_used_at timestamp with time zone,
  revoked_at timestamp with time zone,
  revoked_by text COLLATE "C",
  CONSTRAINT api_key_key_digest_key UNIQUE (key_digest),
  CONSTRAINT api_key_pkey PRIMARY KEY (api_key_id),
  CONSTRAINT api_key_key_digest_check CHECK (length(key_digest) = 32),
  CONSTRAINT api_key_name_check CHECK (length(name) >= 1 AND length(name) <= 255),
  CONSTRAINT api_key_roles_check CHECK (roles <@ ARRAY['application'::text, 'analyst'::text, 'compliance'::text, 'admin'::text] AND cardinality(roles) > 0)
);
COMMENT ON COLUMN session_ledger.api_key.realm IS 'Null: any realm.';
COMMENT ON COLUMN session_ledger.api_key.applications IS 'Null: any application.';
GRANT SELECT ON session_ledger.api_key TO session_ledger_writer;
GRANT INSERT (api_key_id, name, key_digest, roles, realm, applications, created_by) ON session_ledger.api_key TO session_ledger_writer;
GRANT UPDATE (last_used_at, revoked_at, revoked_by) ON session_ledger.api_key TO session_ledger_writer;

CREATE TABLE session_ledger.application (
  application text COLLATE "C" NOT NULL,
  CONSTRAINT application_pkey PRIMARY KEY (application),
  CONSTRAINT application_application_check CHECK (length(application) >= 1 AND length(application) <= 255)
);
COMMENT ON TABLE session_ledger.application IS 'Which applications have an application_recorded event; since when is on the ledger.';
GRANT SELECT ON session_ledger.application TO session_ledger_reader;
GRANT SELECT ON session_ledger.application TO session_ledger_writer;

CREATE TABLE session_ledger.checkpoint_cosignature (
  origin text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  witness text COLLATE "C" NOT NULL,
  lines text COLLATE "C" NOT NULL,
  added_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT checkpoint_cosignature_pkey PRIMARY KEY (size, origin, witness),
  CONSTRAINT checkpoint_cosignature_origin_size_fkey FOREIGN KEY (origin, size) REFERENCES session_ledger.published_checkpoint(origin, size)
);
COMMENT ON TABLE session_ledger.checkpoint_cosignature IS 'Signature lines that witnesses (C2SP tlog-witness) have added to a checkpoint.';
CREATE TRIGGER checkpoint_cosignature_append_only BEFORE DELETE OR UPDATE ON session_ledger.checkpoint_cosignature FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.checkpoint_cosignature ENABLE ALWAYS TRIGGER checkpoint_cosignature_append_only;
CREATE TRIGGER checkpoint_cosignature_no_truncate BEFORE TRUNCATE ON session_ledger.checkpoint_cosignature FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.checkpoint_cosignature ENABLE ALWAYS TRIGGER checkpoint_cosignature_no_truncate;
GRANT SELECT ON session_ledger.checkpoint_cosignature TO session_ledger_reader;
GRANT SELECT ON session_ledger.checkpoint_cosignature TO session_ledger_sealer;
GRANT SELECT ON session_ledger.checkpoint_cosignature TO session_ledger_writer;
GRANT INSERT (origin, size, witness, lines) ON session_ledger.checkpoint_cosignature TO session_ledger_sealer;

CREATE TABLE session_ledger.checkpoint_timestamp (
  origin text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  authority text NOT NULL,
  response bytea NOT NULL,
  stamped_at timestamp with time zone NOT NULL,
  added_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT checkpoint_timestamp_pkey PRIMARY KEY (size, origin, authority),
  CONSTRAINT checkpoint_timestamp_origin_size_fkey FOREIGN KEY (origin, size) REFERENCES session_ledger.published_checkpoint(origin, size)
);
COMMENT ON TABLE session_ledger.checkpoint_timestamp IS 'What time-stamping authorities answered (RFC 3161 TimeStampResp) about the bytes of a checkpoint.';
CREATE TRIGGER checkpoint_timestamp_append_only BEFORE DELETE OR UPDATE ON session_ledger.checkpoint_timestamp FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.checkpoint_timestamp ENABLE ALWAYS TRIGGER checkpoint_timestamp_append_only;
CREATE TRIGGER checkpoint_timestamp_no_truncate BEFORE TRUNCATE ON session_ledger.checkpoint_timestamp FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.checkpoint_timestamp ENABLE ALWAYS TRIGGER checkpoint_timestamp_no_truncate;
GRANT SELECT ON session_ledger.checkpoint_timestamp TO session_ledger_reader;
GRANT SELECT ON session_ledger.checkpoint_timestamp TO session_ledger_sealer;
GRANT SELECT ON session_ledger.checkpoint_timestamp TO session_ledger_writer;
GRANT INSERT (origin, size, authority, response, stamped_at) ON session_ledger.checkpoint_timestamp TO session_ledger_sealer;

CREATE TABLE session_ledger.client (
  bucket smallint NOT NULL,
  client_id bigint NOT NULL,
  session_id uuid NOT NULL,
  subject_id uuid NOT NULL,
  ip inet,
  user_agent text COLLATE "C",
  salt bytea,
  commitment bytea NOT NULL,
  first_seen_at timestamp with time zone DEFAULT session_ledger.ledger_clock() NOT NULL,
  erased_at timestamp with time zone,
  CONSTRAINT client_pkey PRIMARY KEY (client_id, bucket),
  CONSTRAINT client_commitment_check CHECK (length(commitment) = 32),
  CONSTRAINT client_salt_check CHECK (length(salt) = 16),
  CONSTRAINT client_says_something CHECK (ip IS NOT NULL OR user_agent IS NOT NULL OR erased_at IS NOT NULL),
  CONSTRAINT client_user_agent_check CHECK (length(user_agent) <= 512)
);
COMMENT ON TABLE session_ledger.client IS 'One row per session, address and agent; commitment = SHA-256(salt || canonical JSON {ip, userAgent}), also in the event that introduced it.';
CREATE INDEX client_first_seen ON session_ledger.client USING btree (first_seen_at DESC, client_id);
CREATE INDEX client_ip ON session_ledger.client USING gist (ip inet_ops);
CREATE UNIQUE INDEX client_of_session ON session_ledger.client USING btree (bucket, session_id, ip, user_agent) NULLS NOT DISTINCT WHERE (erased_at IS NULL);
GRANT SELECT ON session_ledger.client TO session_ledger_reader;
GRANT SELECT ON session_ledger.client TO session_ledger_writer;
GRANT INSERT (bucket, client_id, session_id, subject_id, ip, user_agent, salt, commitment) ON session_ledger.client TO session_ledger_writer;

CREATE TABLE session_ledger.event (
  seq bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL,
  recorded_at timestamp with time zone DEFAULT session_ledger.ledger_clock() NOT NULL,
  occurred_at timestamp with time zone NOT NULL,
  expires_at timestamp with time zone,
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
  absolute_expires_at timestamp with time zone,
  idle_seconds integer,
  secret_digest bytea,
  detail jsonb,
  CONSTRAINT event_bucket CHECK (
CASE
    WHEN session_seq IS NULL THEN session_id IS NULL AND bucket = 0
    ELSE session_id IS NOT NULL AND bucket = (get_byte(uuid_send(session_id), 15) & 63)
END),
  CONSTRAINT event_fits_a_leaf CHECK (length(kind) <= 64 AND length(reason) <= 1000 AND length(application) <= 255 AND length(secret_digest) = 32 AND (octet_length(detail::text) + length(detail::text) - length(translate(detail::text, '"\'::text, ''::text))) <= 56000 AND (length(detail::text) - length(translate(detail::text, '[{'::text, ''::text))) <= 1000),
  CONSTRAINT event_is_numbered CHECK (seq > 0),
  CONSTRAINT event_policy_is_bounded CHECK (
CASE
    WHEN kind <> 'policy_set'::text THEN true
    WHEN jsonb_typeof(detail -> 'absoluteSeconds'::text) = 'number'::text THEN ((detail ->> 'absoluteSeconds'::text)::numeric) >= 1::numeric AND ((detail ->> 'absoluteSeconds'::text)::numeric) <= 34560000::numeric
    ELSE false
END),
  CONSTRAINT event_recorded_promptly CHECK ((recorded_at - occurred_at) >= '-00:01:00'::interval AND (kind = 'expired'::text OR (recorded_at - occurred_at) <= '00:10:00'::interval)),
  CONSTRAINT event_shape CHECK (
CASE kind
    WHEN 'used'::text THEN session_seq > 1 AND occurred_at < expires_at AND subject_id IS NULL
    WHEN 'created'::text THEN session_seq = 1 AND occurred_at < expires_at AND expires_at <= absolute_expires_at AND subject_id IS NOT NULL AND application IS NOT NULL AND length(secret_digest) = 32
    WHEN 'renewed'::text THEN session_seq > 1 AND occurred_at < expires_at AND expires_at <= absolute_expires_at AND subject_id IS NOT NULL AND application IS NOT NULL AND length(secret_digest) = 32
    WHEN 'revoked'::text THEN session_seq > 1 AND expires_at IS NULL AND reason IS NOT NULL
    WHEN 'expired'::text THEN session_seq > 1 AND expires_at IS NULL AND (reason = ANY (ARRAY['idle'::text, 'absolute'::text]))
    ELSE session_id IS NULL AND session_seq IS NULL AND expires_at IS NULL
END IS TRUE),
  CONSTRAINT event_within_years CHECK (LEAST(occurred_at, recorded_at, expires_at, absolute_expires_at) >= '0001-01-01 00:00:00+00'::timestamp with time zone AND GREATEST(occurred_at, recorded_at, expires_at, absolute_expires_at) < '10000-01-01 00:00:00+00'::timestamp with time zone)
) PARTITION BY RANGE (recorded_at);
COMMENT ON TABLE session_ledger.event IS 'The ledger: append-only. Every fact about a session, and about the ledger itself, in the order of seq.';
CREATE INDEX event_occurred_at ON session_ledger.event USING brin (occurred_at) WITH (pages_per_range='32');
CREATE INDEX event_of_ledger ON session_ledger.event USING btree (kind, seq) WHERE (session_id IS NULL);
CREATE INDEX event_opening ON session_ledger.event USING btree (occurred_at, seq) WHERE (kind = ANY (ARRAY['created'::text, 'renewed'::text]));
CREATE INDEX event_recorded_at ON session_ledger.event USING brin (recorded_at) WITH (pages_per_range='32');
CREATE INDEX event_seq ON session_ledger.event USING brin (seq) WITH (pages_per_range='16', autosummarize='on');
CREATE INDEX event_session ON session_ledger.event USING btree (session_id, occurred_at, session_seq);
CREATE INDEX event_subject ON session_ledger.event USING btree (bucket, subject_id, occurred_at) WHERE (kind = ANY (ARRAY['created'::text, 'renewed'::text]));
CREATE TRIGGER event_append_only BEFORE DELETE OR UPDATE ON session_ledger.event FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.event ENABLE ALWAYS TRIGGER event_append_only;
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON session_ledger.event FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.event ENABLE ALWAYS TRIGGER event_no_truncate;
GRANT SELECT ON session_ledger.event TO session_ledger_reader;
GRANT SELECT ON session_ledger.event TO session_ledger_sealer;
GRANT SELECT ON session_ledger.event TO session_ledger_writer;
GRANT INSERT (occurred_at, expires_at, client_id, session_seq, recorded_by, bucket, session_id, kind, reason, subject_id, actor_id, application, absolute_expires_at, idle_seconds, secret_digest, detail) ON session_ledger.event TO session_ledger_writer;

CREATE TABLE session_ledger.event_default PARTITION OF session_ledger.event DEFAULT;
CREATE TRIGGER event_append_only BEFORE DELETE OR UPDATE ON session_ledger.event_default FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.event_default ENABLE ALWAYS TRIGGER event_append_only;
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON session_ledger.event_default FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.event_default ENABLE ALWAYS TRIGGER event_no_truncate;

CREATE TABLE session_ledger.horizon (
  only_row boolean DEFAULT true NOT NULL,
  settled_at timestamp with time zone NOT NULL,
  identity jsonb NOT NULL,
  step_accepted_until timestamp with time zone,
  CONSTRAINT horizon_pkey PRIMARY KEY (only_row),
  CONSTRAINT horizon_only_row_check CHECK (only_row)
);
COMMENT ON COLUMN session_ledger.horizon.settled_at IS 'H: everything dated at or before it is visible, on this server and on every replica that shows this row.';
COMMENT ON COLUMN session_ledger.horizon.identity IS 'The database that H holds for: its system identifier and timeline. On another one H stands still until the gap is on the ledger.';
COMMENT ON COLUMN session_ledger.horizon.step_accepted_until IS 'Set by "gap record" after the clock stepped back: recording goes on, held at this instant, until the clock has passed it.';
GRANT SELECT ON session_ledger.horizon TO session_ledger_reader;
GRANT SELECT ON session_ledger.horizon TO session_ledger_sealer;
GRANT SELECT ON session_ledger.horizon TO session_ledger_writer;

CREATE TABLE session_ledger.idempotent_opening (
  api_key_id uuid NOT NULL,
  key_digest bytea NOT NULL,
  session_id uuid,
  claimed_at timestamp with time zone DEFAULT session_ledger.ledger_clock() NOT NULL,
  CONSTRAINT idempotent_opening_pkey PRIMARY KEY (api_key_id, key_digest),
  CONSTRAINT idempotent_opening_key_digest_check CHECK (length(key_digest) = 32)
);
COMMENT ON TABLE session_ledger.idempotent_opening IS 'Which session the latest opening with an Idempotency-Key opened, so that a retry can revoke it as undelivered.';
CREATE INDEX idempotent_opening_claimed_at ON session_ledger.idempotent_opening USING btree (claimed_at);
GRANT SELECT ON session_ledger.idempotent_opening TO session_ledger_writer;
GRANT UPDATE (session_id) ON session_ledger.idempotent_opening TO session_ledger_writer;

CREATE TABLE session_ledger.lifetime_limit (
  only_row boolean DEFAULT true NOT NULL,
  absolute_seconds bigint NOT NULL,
  CONSTRAINT lifetime_limit_pkey PRIMARY KEY (only_row),
  CONSTRAINT lifetime_limit_absolute_seconds_check CHECK (absolute_seconds > 0),
  CONSTRAINT lifetime_limit_only_row_check CHECK (only_row)
);
COMMENT ON TABLE session_ledger.lifetime_limit IS 'L once more, for opening and renewing: to read it from the ledger would lock every partition, the DEFAULT included, until the application''s transaction ends, and no partition could be attached meanwhile.';
GRANT SELECT ON session_ledger.lifetime_limit TO session_ledger_reader;
GRANT SELECT ON session_ledger.lifetime_limit TO session_ledger_writer;

CREATE TABLE session_ledger.migration (
  id integer DEFAULT nextval('session_ledger.migration_id_seq'::regclass) NOT NULL,
  timestamp bigint NOT NULL,
  name character varying NOT NULL,
  CONSTRAINT "PK_3043fc6b8af7c99b8b98830094f" PRIMARY KEY (id)
);
GRANT SELECT ON session_ledger.migration TO session_ledger_reader;
GRANT SELECT ON session_ledger.migration TO session_ledger_writer;

CREATE TABLE session_ledger.note (
  note_id uuid NOT NULL,
  subject_id uuid,
  text text COLLATE "C",
  salt bytea,
  commitment bytea NOT NULL,
  CONSTRAINT note_pkey PRIMARY KEY (note_id),
  CONSTRAINT note_commitment_check CHECK (length(commitment) = 32),
  CONSTRAINT note_salt_check CHECK (length(salt) = 16),
  CONSTRAINT note_text_check CHECK (length(text) >= 1 AND length(text) <= 2000)
);
COMMENT ON TABLE session_ledger.note IS 'Free text beside a reason code; commitment = SHA-256(salt || canonical JSON {text}), also in the event.';
GRANT SELECT ON session_ledger.note TO session_ledger_reader;
GRANT SELECT ON session_ledger.note TO session_ledger_writer;
GRANT INSERT (note_id, subject_id, text, salt, commitment) ON session_ledger.note TO session_ledger_writer;

CREATE TABLE session_ledger.published_checkpoint (
  origin text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  note text COLLATE "C" NOT NULL,
  published_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT published_checkpoint_pkey PRIMARY KEY (origin, size),
  CONSTRAINT published_checkpoint_size_fkey FOREIGN KEY (size) REFERENCES session_ledger.tree_head(size)
);
COMMENT ON TABLE session_ledger.published_checkpoint IS 'The checkpoints (C2SP tlog-checkpoint) as they were signed, each after its head was committed.';
CREATE UNIQUE INDEX published_checkpoint_by_size ON session_ledger.published_checkpoint USING btree (size, origin);
CREATE TRIGGER published_checkpoint_append_only BEFORE DELETE OR UPDATE ON session_ledger.published_checkpoint FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.published_checkpoint ENABLE ALWAYS TRIGGER published_checkpoint_append_only;
CREATE TRIGGER published_checkpoint_no_truncate BEFORE TRUNCATE ON session_ledger.published_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.published_checkpoint ENABLE ALWAYS TRIGGER published_checkpoint_no_truncate;
GRANT SELECT ON session_ledger.published_checkpoint TO session_ledger_reader;
GRANT SELECT ON session_ledger.published_checkpoint TO session_ledger_sealer;
GRANT SELECT ON session_ledger.published_checkpoint TO session_ledger_writer;
GRANT INSERT (origin, size, note) ON session_ledger.published_checkpoint TO session_ledger_sealer;

CREATE TABLE session_ledger.question (
  question_id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  asked_at timestamp with time zone DEFAULT session_ledger.ledger_clock() NOT NULL,
  asked_by text COLLATE "C" NOT NULL,
  database_role text COLLATE "C" DEFAULT SESSION_USER NOT NULL,
  kind text COLLATE "C" NOT NULL,
  subject_id uuid,
  parameters jsonb NOT NULL,
  case_id text COLLATE "C",
  CONSTRAINT question_pkey PRIMARY KEY (question_id),
  CONSTRAINT question_asked_by_check CHECK (length(asked_by) >= 1 AND length(asked_by) <= 255),
  CONSTRAINT question_case_id_check CHECK (length(case_id) >= 1 AND length(case_id) <= 255)
);
CREATE INDEX question_asked_at ON session_ledger.question USING brin (asked_at);
CREATE INDEX question_subject ON session_ledger.question USING btree (subject_id, asked_at) WHERE (subject_id IS NOT NULL);
CREATE TRIGGER question_append_only BEFORE DELETE OR UPDATE ON session_ledger.question FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.question ENABLE ALWAYS TRIGGER question_append_only;
CREATE TRIGGER question_no_truncate BEFORE TRUNCATE ON session_ledger.question FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.question ENABLE ALWAYS TRIGGER question_no_truncate;
GRANT SELECT ON session_ledger.question TO session_ledger_reader;
GRANT SELECT ON session_ledger.question TO session_ledger_writer;
GRANT INSERT (asked_by, kind, subject_id, parameters, case_id) ON session_ledger.question TO session_ledger_reader;
GRANT INSERT (asked_by, kind, subject_id, parameters, case_id) ON session_ledger.question TO session_ledger_writer;

CREATE TABLE session_ledger.question_client (
  question_id bigint NOT NULL,
  ip cidr,
  user_agent text COLLATE "C",
  CONSTRAINT question_client_pkey PRIMARY KEY (question_id),
  CONSTRAINT question_client_question_id_fkey FOREIGN KEY (question_id) REFERENCES session_ledger.question(question_id)
);
COMMENT ON TABLE session_ledger.question_client IS 'Erasable: the address, network or agent that was asked about.';
GRANT SELECT ON session_ledger.question_client TO session_ledger_reader;
GRANT SELECT ON session_ledger.question_client TO session_ledger_writer;
GRANT INSERT (question_id, ip, user_agent) ON session_ledger.question_client TO session_ledger_reader;
GRANT INSERT (question_id, ip, user_agent) ON session_ledger.question_client TO session_ledger_writer;

CREATE TABLE session_ledger.question_outcome (
  question_id bigint NOT NULL,
  finished_at timestamp with time zone DEFAULT session_ledger.ledger_clock() NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  row_count bigint NOT NULL,
  detail jsonb,
  CONSTRAINT question_outcome_pkey PRIMARY KEY (question_id),
  CONSTRAINT question_outcome_question_id_fkey FOREIGN KEY (question_id) REFERENCES session_ledger.question(question_id),
  CONSTRAINT question_outcome_outcome_check CHECK (outcome = ANY (ARRAY['answered'::text, 'failed'::text, 'abandoned'::text])),
  CONSTRAINT question_outcome_row_count_check CHECK (row_count >= 0)
);
CREATE TRIGGER question_outcome_append_only BEFORE DELETE OR UPDATE ON session_ledger.question_outcome FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.question_outcome ENABLE ALWAYS TRIGGER question_outcome_append_only;
CREATE TRIGGER question_outcome_no_truncate BEFORE TRUNCATE ON session_ledger.question_outcome FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.question_outcome ENABLE ALWAYS TRIGGER question_outcome_no_truncate;
GRANT SELECT ON session_ledger.question_outcome TO session_ledger_reader;
GRANT SELECT ON session_ledger.question_outcome TO session_ledger_writer;
GRANT INSERT (question_id, outcome, row_count, detail) ON session_ledger.question_outcome TO session_ledger_reader;
GRANT INSERT (question_id, outcome, row_count, detail) ON session_ledger.question_outcome TO session_ledger_writer;

CREATE TABLE session_ledger.question_part (
  question_id bigint NOT NULL,
  part integer NOT NULL,
  subject_ids uuid[] NOT NULL,
  CONSTRAINT question_part_pkey PRIMARY KEY (question_id, part),
  CONSTRAINT question_part_question_id_fkey FOREIGN KEY (question_id) REFERENCES session_ledger.question(question_id)
);
COMMENT ON TABLE session_ledger.question_part IS 'About whom a list of questions was: one row for each part of the list, written before its answers go out.';
CREATE TRIGGER question_part_append_only BEFORE DELETE OR UPDATE ON session_ledger.question_part FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.question_part ENABLE ALWAYS TRIGGER question_part_append_only;
CREATE TRIGGER question_part_no_truncate BEFORE TRUNCATE ON session_ledger.question_part FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.question_part ENABLE ALWAYS TRIGGER question_part_no_truncate;
GRANT SELECT ON session_ledger.question_part TO session_ledger_reader;
GRANT SELECT ON session_ledger.question_part TO session_ledger_writer;
GRANT INSERT (question_id, part, subject_ids) ON session_ledger.question_part TO session_ledger_reader;
GRANT INSERT (question_id, part, subject_ids) ON session_ledger.question_part TO session_ledger_writer;

CREATE TABLE session_ledger.question_user (
  question_id bigint NOT NULL,
  realm text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  CONSTRAINT question_user_pkey PRIMARY KEY (question_id, realm, user_id),
  CONSTRAINT question_user_question_id_fkey FOREIGN KEY (question_id) REFERENCES session_ledger.question(question_id)
);
COMMENT ON TABLE session_ledger.question_user IS 'Erasable: the text of user ids the ledger did not know when it was asked about them; a list asks about many at once.';
GRANT SELECT ON session_ledger.question_user TO session_ledger_reader;
GRANT SELECT ON session_ledger.question_user TO session_ledger_writer;
GRANT INSERT (question_id, realm, user_id) ON session_ledger.question_user TO session_ledger_reader;
GRANT INSERT (question_id, realm, user_id) ON session_ledger.question_user TO session_ledger_writer;

CREATE TABLE session_ledger.recorder (
  recorder_id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
  name text COLLATE "C" NOT NULL,
  first_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT recorder_name_key UNIQUE (name),
  CONSTRAINT recorder_pkey PRIMARY KEY (recorder_id),
  CONSTRAINT recorder_name_check CHECK (length(name) >= 1 AND length(name) <= 255)
);
COMMENT ON TABLE session_ledger.recorder IS 'Who wrote an event: an instance of the service or library, and the API key it acted for.';
GRANT SELECT ON session_ledger.recorder TO session_ledger_reader;
GRANT SELECT ON session_ledger.recorder TO session_ledger_sealer;
GRANT SELECT ON session_ledger.recorder TO session_ledger_writer;
GRANT INSERT (name) ON session_ledger.recorder TO session_ledger_writer;

CREATE TABLE session_ledger.seal_key (
  vkey text COLLATE "C" NOT NULL,
  origin text COLLATE "C" NOT NULL,
  first_size bigint NOT NULL,
  added_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT seal_key_pkey PRIMARY KEY (vkey),
  CONSTRAINT seal_key_first_size_check CHECK (first_size >= 0)
);
COMMENT ON TABLE session_ledger.seal_key IS 'The public keys that sign checkpoints, and from which size on. A key that joins a log signs beside one that is in the list.';
CREATE TRIGGER seal_key_append_only BEFORE DELETE OR UPDATE ON session_ledger.seal_key FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.seal_key ENABLE ALWAYS TRIGGER seal_key_append_only;
CREATE TRIGGER seal_key_no_truncate BEFORE TRUNCATE ON session_ledger.seal_key FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.seal_key ENABLE ALWAYS TRIGGER seal_key_no_truncate;
GRANT SELECT ON session_ledger.seal_key TO session_ledger_reader;
GRANT SELECT ON session_ledger.seal_key TO session_ledger_sealer;
GRANT SELECT ON session_ledger.seal_key TO session_ledger_writer;
GRANT INSERT (vkey, origin, first_size) ON session_ledger.seal_key TO session_ledger_sealer;

CREATE TABLE session_ledger.seal_run (
  seq_first bigint NOT NULL,
  seq_last bigint NOT NULL,
  leaf_first bigint NOT NULL,
  CONSTRAINT seal_run_leaf_first_key UNIQUE (leaf_first),
  CONSTRAINT seal_run_seq_last_key UNIQUE (seq_last),
  CONSTRAINT seal_run_pkey PRIMARY KEY (seq_first),
  CONSTRAINT seal_run_check CHECK (seq_last >= seq_first),
  CONSTRAINT seal_run_leaf_first_check CHECK (leaf_first >= 0)
);
COMMENT ON TABLE session_ledger.seal_run IS 'Events seq_first to seq_last, without a gap between them, are the leaves from leaf_first on. Needs no row of the events, so it outlives them.';
CREATE TRIGGER seal_run_append_only BEFORE DELETE OR UPDATE ON session_ledger.seal_run FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.seal_run ENABLE ALWAYS TRIGGER seal_run_append_only;
CREATE TRIGGER seal_run_no_truncate BEFORE TRUNCATE ON session_ledger.seal_run FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.seal_run ENABLE ALWAYS TRIGGER seal_run_no_truncate;
GRANT SELECT ON session_ledger.seal_run TO session_ledger_reader;
GRANT INSERT, SELECT ON session_ledger.seal_run TO session_ledger_sealer;
GRANT SELECT ON session_ledger.seal_run TO session_ledger_writer;

CREATE TABLE session_ledger.server_run (
  server_started_at timestamp with time zone NOT NULL,
  settled_before timestamp with time zone NOT NULL,
  settled_from timestamp with time zone NOT NULL,
  CONSTRAINT server_run_pkey PRIMARY KEY (server_started_at)
);
COMMENT ON TABLE session_ledger.server_run IS 'One row for each start of the server: the horizon that it found, and the first one that it reached. Between the two lies no horizon of this ledger.';
GRANT SELECT ON session_ledger.server_run TO session_ledger_reader;
GRANT SELECT ON session_ledger.server_run TO session_ledger_writer;

CREATE TABLE session_ledger.session (
  bucket smallint NOT NULL,
  session_id uuid NOT NULL,
  secret_digest bytea NOT NULL,
  subject_id uuid NOT NULL,
  actor_id uuid,
  application text COLLATE "C" NOT NULL,
  created_at timestamp with time zone NOT NULL,
  authenticated_at timestamp with time zone NOT NULL,
  last_used_at timestamp with time zone NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  absolute_expires_at timestamp with time zone NOT NULL,
  sweep_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone,
  idle_seconds integer,
  event_count integer NOT NULL,
  end_reason text COLLATE "C",
  acr text COLLATE "C",
  amr text[] COLLATE "C" NOT NULL,
  CONSTRAINT session_pkey PRIMARY KEY (bucket, session_id),
  CONSTRAINT session_check CHECK (bucket = (get_byte(uuid_send(session_id), 15) & 63)),
  CONSTRAINT session_check1 CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
  CONSTRAINT session_idle_seconds_check CHECK (idle_seconds > 0),
  CONSTRAINT session_secret_digest_check CHECK (length(secret_digest) = 32)
) WITH (fillfactor=60, autovacuum_vacuum_scale_factor=0.05);
COMMENT ON TABLE session_ledger.session IS 'What the guard needs to know now. Every column but sweep_at can be rebuilt from the ledger (rebuild --check).';
COMMENT ON COLUMN session_ledger.session.authenticated_at IS 'The last fresh authentication: creation, or a renewal with amr.';
COMMENT ON COLUMN session_ledger.session.end_reason IS 'Null exactly while ended_at is. Whoever looks for a session by its id asks for this one: where little is known of the table yet, a planner that reads ended_at IS NULL prefers the index of a bucket''s live sessions to the primary key.';
CREATE INDEX session_of_actor ON session_ledger.session USING btree (actor_id) WHERE ((ended_at IS NULL) AND (actor_id IS NOT NULL));
CREATE INDEX session_of_subject ON session_ledger.session USING btree (bucket, subject_id) WHERE (ended_at IS NULL);
CREATE INDEX session_to_prune ON session_ledger.session USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX session_to_sweep ON session_ledger.session USING btree (sweep_at) WHERE (ended_at IS NULL);
CREATE TRIGGER session_never_revived BEFORE UPDATE ON session_ledger.session FOR EACH ROW WHEN ((old.ended_at IS NOT NULL)) EXECUTE FUNCTION session_ledger.refuse_revival();
ALTER TABLE session_ledger.session ENABLE ALWAYS TRIGGER session_never_revived;
GRANT SELECT ON session_ledger.session TO session_ledger_reader;
GRANT SELECT ON session_ledger.session TO session_ledger_writer;
GRANT UPDATE (last_used_at, expires_at, sweep_at, ended_at, event_count, end_reason) ON session_ledger.session TO session_ledger_writer;

CREATE TABLE session_ledger.subject (
  subject_id uuid NOT NULL,
  realm text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  salt bytea NOT NULL,
  commitment bytea NOT NULL,
  CONSTRAINT subject_realm_user_id_key UNIQUE (realm, user_id),
  CONSTRAINT subject_pkey PRIMARY KEY (subject_id),
  CONSTRAINT subject_commitment_check CHECK (length(commitment) = 32),
  CONSTRAINT subject_realm_check CHECK (length(realm) >= 1 AND length(realm) <= 255),
  CONSTRAINT subject_salt_check CHECK (length(salt) = 16),
  CONSTRAINT subject_user_id_check CHECK (length(user_id) >= 1 AND length(user_id) <= 255)
);
COMMENT ON TABLE session_ledger.subject IS 'A random id standing for a user in a realm; commitment = SHA-256(salt || canonical JSON {realm, userId}).';
GRANT SELECT ON session_ledger.subject TO session_ledger_reader;
GRANT SELECT ON session_ledger.subject TO session_ledger_writer;
GRANT INSERT (subject_id, realm, user_id, salt, commitment) ON session_ledger.subject TO session_ledger_writer;

CREATE TABLE session_ledger.tile (
  level smallint NOT NULL,
  n bigint NOT NULL,
  width smallint NOT NULL,
  hashes bytea NOT NULL,
  CONSTRAINT tile_pkey PRIMARY KEY (level, n, width),
  CONSTRAINT tile_check CHECK (length(hashes) >= 32 AND length(hashes) <= (width * 32) AND (length(hashes) % 32) = 0),
  CONSTRAINT tile_level_check CHECK (level >= 0 AND level <= 7),
  CONSTRAINT tile_n_check CHECK (n >= 0),
  CONSTRAINT tile_width_check CHECK (width >= 1 AND width <= 256)
);
COMMENT ON TABLE session_ledger.tile IS 'Tiles of the tree (C2SP tlog-tiles). A row holds the hashes that brought tile n of the level to this width; in the order of width they make up the tile.';
CREATE TRIGGER tile_append_only BEFORE DELETE OR UPDATE ON session_ledger.tile FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.tile ENABLE ALWAYS TRIGGER tile_append_only;
CREATE TRIGGER tile_no_truncate BEFORE TRUNCATE ON session_ledger.tile FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.tile ENABLE ALWAYS TRIGGER tile_no_truncate;
GRANT SELECT ON session_ledger.tile TO session_ledger_reader;
GRANT INSERT, SELECT ON session_ledger.tile TO session_ledger_sealer;
GRANT SELECT ON session_ledger.tile TO session_ledger_writer;

CREATE TABLE session_ledger.tree_head (
  size bigint NOT NULL,
  prev_size bigint NOT NULL,
  root bytea NOT NULL,
  last_seq bigint NOT NULL,
  sealed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT tree_head_prev_size_key UNIQUE (prev_size),
  CONSTRAINT tree_head_pkey PRIMARY KEY (size),
  CONSTRAINT tree_head_check CHECK (size > prev_size),
  CONSTRAINT tree_head_prev_size_check CHECK (prev_size >= 0),
  CONSTRAINT tree_head_root_check CHECK (length(root) = 32)
);
COMMENT ON TABLE session_ledger.tree_head IS 'The Merkle tree (RFC 6962) after each seal: how many leaves, their root, and the seq of the last one.';
CREATE TRIGGER tree_head_append_only BEFORE DELETE OR UPDATE ON session_ledger.tree_head FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.tree_head ENABLE ALWAYS TRIGGER tree_head_append_only;
CREATE TRIGGER tree_head_no_truncate BEFORE TRUNCATE ON session_ledger.tree_head FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.tree_head ENABLE ALWAYS TRIGGER tree_head_no_truncate;
GRANT SELECT ON session_ledger.tree_head TO session_ledger_reader;
GRANT SELECT ON session_ledger.tree_head TO session_ledger_sealer;
GRANT SELECT ON session_ledger.tree_head TO session_ledger_writer;
GRANT INSERT (size, prev_size, root, last_seq) ON session_ledger.tree_head TO session_ledger_sealer;

CREATE OR REPLACE FUNCTION session_ledger.advance_horizon()
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.advance_horizon() TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.attach_partition(p_table text, p_from timestamp with time zone, p_to timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  EXECUTE format('ALTER TABLE session_ledger.event ATTACH PARTITION session_ledger.%I FOR VALUES FROM (%L) TO (%L)',
                 p_table, p_from, p_to);
  EXECUTE format('ALTER TABLE session_ledger.%I ENABLE ALWAYS TRIGGER event_append_only', p_table);
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.before_birth_of(p_session_id uuid)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (substr((p_session_id)::text, 15, 1) <> '7'::text) THEN '-infinity'::timestamp with time zone ELSE to_timestamp((((((((('x'::text || substr((p_session_id)::text, 1, 8)) || substr((p_session_id)::text, 10, 4)))::bit(48))::bigint)::numeric / 1000.0) - (86400)::numeric))::double precision) END;
COMMENT ON FUNCTION session_ledger.before_birth_of(uuid) IS 'An instant before which no event of the session was recorded, so that older partitions are left alone: the time in its UUIDv7 (RFC 9562 5.7), which is this database''s, less a day; the beginning of time for an id that the ledger never minted.';
GRANT EXECUTE ON FUNCTION session_ledger.before_birth_of(uuid) TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.begin_recording()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  LOCK TABLE ONLY session_ledger.event IN ROW EXCLUSIVE MODE;
  IF current_setting('idle_in_transaction_session_timeout') = '0' THEN
    PERFORM set_config('idle_in_transaction_session_timeout', '1min', true);
  END IF;
  IF session_ledger.clock_is_behind() THEN
    RAISE EXCEPTION 'the database clock stepped back to %, below % which is already on the ledger', clock_timestamp(), session_ledger.clock_floor()
      USING ERRCODE = 'SL001', HINT = 'Correct the clock, or record the gap with "session-ledger gap record".';
  END IF;
END $function$;
COMMENT ON FUNCTION session_ledger.begin_recording() IS 'First step of every function that reads the clock into a variable and inserts later: the lock taken before the reading is what the fence waits for. Without it H could pass between the two. An application that joined with no limit on idling gets one, because its open transaction holds H back.';

CREATE OR REPLACE FUNCTION session_ledger.claim_opening(p_api_key_id uuid, p_key_digest bytea, p_subject_ids uuid[], OUT session_id uuid, OUT is_same_subject boolean)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE v_oldest timestamptz := session_ledger.ledger_clock() - interval '24 hours';
BEGIN
  PERFORM session_ledger.require_read_committed();
  INSERT INTO session_ledger.idempotent_opening AS o (api_key_id, key_digest) VALUES (p_api_key_id, p_key_digest)
  ON CONFLICT ON CONSTRAINT idempotent_opening_pkey DO UPDATE
    SET session_id = CASE WHEN o.claimed_at > v_oldest THEN o.session_id END, claimed_at = session_ledger.ledger_clock()
  RETURNING o.session_id INTO claim_opening.session_id;
  DELETE FROM session_ledger.idempotent_opening o
   WHERE (o.api_key_id, o.key_digest) IN (SELECT d.api_key_id, d.key_digest FROM session_ledger.idempotent_opening d
                                           WHERE d.claimed_at < v_oldest ORDER BY d.claimed_at LIMIT 100 FOR UPDATE SKIP LOCKED);
  PERFORM session_ledger.lock_subjects(p_subject_ids);
  is_same_subject := coalesce((SELECT s.subject_id = p_subject_ids[1] FROM session_ledger.session s
    WHERE s.bucket = get_byte(uuid_send(claim_opening.session_id), 15) & 63 AND s.session_id = claim_opening.session_id), true);
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.claim_opening(uuid,bytea,uuid[]) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.client_of(p_bucket smallint, p_session_id uuid, p_subject_id uuid, p_seen session_ledger.client_seen, OUT client_id bigint, OUT introduction jsonb)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.clock_floor()
 RETURNS timestamp with time zone
 LANGUAGE sql
 PARALLEL SAFE
RETURN ('1970-01-01 00:00:00+00'::timestamp with time zone + ((pg_sequence_last_value('session_ledger.clock_floor'::regclass))::double precision * '00:00:00.000001'::interval));
GRANT EXECUTE ON FUNCTION session_ledger.clock_floor() TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.clock_is_behind()
 RETURNS boolean
 LANGUAGE sql
RETURN (COALESCE((clock_timestamp() < (session_ledger.clock_floor() - '00:00:01'::interval)), false) AND (NOT (EXISTS (SELECT 1 FROM session_ledger.horizon h WHERE (h.step_accepted_until >= session_ledger.clock_floor())))));
COMMENT ON FUNCTION session_ledger.clock_is_behind() IS 'True when the clock stepped back by more than the second that is bridged silently: recording stops until an operator records a gap.';
GRANT EXECUTE ON FUNCTION session_ledger.clock_is_behind() TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.create_partition_table(p_table text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  EXECUTE format('CREATE TABLE session_ledger.%I (LIKE session_ledger.event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', p_table);
  EXECUTE format('CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON session_ledger.%I
                  FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change()', p_table);
  EXECUTE format('ALTER TABLE session_ledger.%I ENABLE ALWAYS TRIGGER event_no_truncate', p_table);
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.database_identity()
 RETURNS jsonb
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  SELECT jsonb_build_object(
    'systemIdentifier', (SELECT system_identifier::text FROM pg_control_system()),
    'timeline', CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
                     ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint END)
$function$;
GRANT EXECUTE ON FUNCTION session_ledger.database_identity() TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.end_session(p_session session_ledger.session, p_reason text, p_actor_id uuid, p_detail jsonb, p_seen session_ledger.client_seen, p_recorded_by integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
COMMENT ON FUNCTION session_ledger.end_session(session_ledger.session,text,uuid,jsonb,session_ledger.client_seen,integer) IS 'Ends a session whose row the caller has locked: revoked now, or, when its deadline has passed, expired at the deadline (false).';

CREATE OR REPLACE FUNCTION session_ledger.ensure_partitions(p_months_ahead integer DEFAULT 3)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
 SET lock_timeout TO '500ms'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.ensure_partitions(integer) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.has_partition_for(p_month timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
  v_bounds text[];
  v_partition record;
BEGIN
  FOR v_partition IN
    SELECT pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'session_ledger.event'::regclass
  LOOP
    v_bounds := regexp_match(v_partition.bound, 'FROM \(''(.*)''\) TO \(''(.*)''\)');
    IF v_bounds IS NOT NULL AND p_month >= v_bounds[1]::timestamptz AND p_month < v_bounds[2]::timestamptz THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.is_behind(p_known_until timestamp with time zone)
 RETURNS boolean
 LANGUAGE sql
 STABLE
RETURN ((p_known_until IS NOT NULL) AND ((p_known_until > (SELECT horizon.settled_at FROM session_ledger.horizon)) OR (EXISTS (SELECT 1 FROM session_ledger.server_run WHERE ((is_behind.p_known_until > server_run.settled_before) AND (is_behind.p_known_until < server_run.settled_from))))) AND (NOT (EXISTS (SELECT 1 FROM session_ledger.event WHERE ((event.session_id IS NULL) AND (event.kind = 'gap'::text) AND (event.reason = ANY (ARRAY['restored'::text, 'promoted'::text])) AND (((event.detail ->> 'to'::text))::timestamp with time zone >= is_behind.p_known_until))))));
COMMENT ON FUNCTION session_ledger.is_behind(timestamp with time zone) IS 'Whether a horizon that was seen is none of this ledger, and no gap on it says so yet: a copy of the files was put back. It lies beyond the present one, or, where an instance that had not seen it has raised that in the meantime, between two runs of the server.';
GRANT EXECUTE ON FUNCTION session_ledger.is_behind(timestamp with time zone) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.is_live(p_kind text, p_expires_at timestamp with time zone, p_at timestamp with time zone)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((p_kind <> 'revoked'::text) AND (p_at < p_expires_at));
GRANT EXECUTE ON FUNCTION session_ledger.is_live(text,timestamp with time zone,timestamp with time zone) TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.last_event_at(p_bucket smallint, p_session_id uuid, p_at timestamp with time zone, p_known_at timestamp with time zone, p_oldest timestamp with time zone, p_recorded_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone, p_recorded_to timestamp with time zone DEFAULT 'infinity'::timestamp with time zone)
 RETURNS SETOF session_ledger.event
 LANGUAGE sql
 STABLE PARALLEL SAFE ROWS 1
AS $function$
  SELECT e.* FROM session_ledger.event e
   WHERE e.bucket = p_bucket AND e.session_id = p_session_id AND e.kind <> 'expired' AND e.occurred_at <= p_at
     AND e.recorded_at > p_oldest AND e.recorded_at <= least(p_known_at, p_at + interval '10 minutes')
     AND e.recorded_at >= p_recorded_from AND e.recorded_at <= p_recorded_to
   ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1
$function$;
COMMENT ON FUNCTION session_ledger.last_event_at(smallint,uuid,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone) IS 'The event that decides whether the session is live at p_at, or no row.';
GRANT EXECUTE ON FUNCTION session_ledger.last_event_at(smallint,uuid,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone) TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.ledger_clock()
 RETURNS timestamp with time zone
 LANGUAGE sql
 PARALLEL SAFE
RETURN GREATEST(clock_timestamp(), session_ledger.clock_floor());
COMMENT ON FUNCTION session_ledger.ledger_clock() IS 'The only clock of the ledger: the database''s, held at the floor, so that it never runs backwards.';
GRANT EXECUTE ON FUNCTION session_ledger.ledger_clock() TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.lock_live_sessions(p_session_ids uuid[])
 RETURNS SETOF session_ledger.session
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  v_session_id uuid;
BEGIN
  -- One by one, by the primary key, in the order in which everybody locks. Joined to the list, by a plan that was made while the table
  -- was small, each opening read all of it (measured: 10,400 openings by one statement on a new ledger took 51 s, and 7 s so).
  FOR v_session_id IN SELECT id FROM unnest(p_session_ids) id WHERE id IS NOT NULL ORDER BY get_byte(uuid_send(id), 15) & 63, id LOOP
    RETURN QUERY SELECT s.* FROM session_ledger.session s
      WHERE s.bucket = get_byte(uuid_send(v_session_id), 15) & 63 AND s.session_id = v_session_id AND s.end_reason IS NULL FOR NO KEY UPDATE;
  END LOOP;
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.lock_subjects(p_subject_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE v_found integer;
BEGIN
  SELECT count(*) INTO v_found FROM (
    SELECT 1 FROM session_ledger.subject s WHERE s.subject_id = ANY (p_subject_ids) ORDER BY s.subject_id FOR NO KEY UPDATE) locked;
  IF v_found < (SELECT count(DISTINCT id) FROM unnest(p_subject_ids) id WHERE id IS NOT NULL) THEN
    RAISE EXCEPTION 'the subject is not recorded' USING ERRCODE = 'SL003', HINT = 'Record the subject first, on a connection of its own.';
  END IF;
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.longest_absolute_seconds()
 RETURNS bigint
 LANGUAGE sql
 STABLE
RETURN (SELECT max(((event.detail ->> 'absoluteSeconds'::text))::bigint) AS max FROM session_ledger.event WHERE ((event.session_id IS NULL) AND (event.kind = 'policy_set'::text)));
COMMENT ON FUNCTION session_ledger.longest_absolute_seconds() IS 'L: the longest absolute lifetime any policy of this ledger ever allowed, in seconds.';
GRANT EXECUTE ON FUNCTION session_ledger.longest_absolute_seconds() TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.open_origin(p_origin text, p_previous text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  v_seq bigint;
  v_recorder integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('session_ledger.open_origin', 0));
  SELECT e.seq INTO v_seq FROM session_ledger.event e
   WHERE e.session_id IS NULL AND e.kind = 'origin_opened' AND e.detail ->> 'origin' = p_origin ORDER BY e.seq LIMIT 1;
  IF FOUND THEN
    RETURN v_seq;
  END IF;
  INSERT INTO session_ledger.recorder (name) VALUES ('session-ledger sealer') ON CONFLICT (name) DO NOTHING;
  SELECT r.recorder_id INTO v_recorder FROM session_ledger.recorder r WHERE r.name = 'session-ledger sealer';
  PERFORM session_ledger.begin_recording();
  RETURN session_ledger.record_ledger_event('origin_opened', NULL, NULL,
    jsonb_build_object('origin', p_origin, 'previousCheckpoint', p_previous), v_recorder);
END $function$;
COMMENT ON FUNCTION session_ledger.open_origin(text,text) IS 'Records, once, that the log goes on under another name, with the last checkpoint under the name before; the seq of that event.';
GRANT EXECUTE ON FUNCTION session_ledger.open_origin(text,text) TO session_ledger_sealer;

CREATE OR REPLACE FUNCTION session_ledger.open_session(p_session_id uuid, p_secret_digest bytea, p_subject_id uuid, p_actor_id uuid, p_application text, p_idle_seconds integer, p_absolute_seconds integer, p_max_concurrent integer, p_on_limit text, p_amr text[], p_acr text, p_detail jsonb, p_seen session_ledger.client_seen, p_replaced_session_id uuid, p_replaced_digest bytea, p_recorded_by integer, OUT opened boolean, OUT created_at timestamp with time zone, OUT expires_at timestamp with time zone, OUT absolute_expires_at timestamp with time zone, OUT ended_session_ids uuid[])
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.open_session(uuid,bytea,uuid,uuid,text,integer,integer,integer,text,text[],text,jsonb,session_ledger.client_seen,uuid,bytea,integer) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.promote_default_partition()
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
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
END $function$;
COMMENT ON FUNCTION session_ledger.promote_default_partition() IS 'Turns a DEFAULT partition that caught rows into the partition of their month(s), with a new DEFAULT behind, in one transaction.';

CREATE OR REPLACE FUNCTION session_ledger.prune_sessions(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  v_before timestamptz := session_ledger.ledger_clock() - interval '30 days';
  v_pruned integer;
BEGIN
  IF p_limit NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'sessions to prune must be 1 to 10000, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
  END IF;
  WITH due AS MATERIALIZED (
    SELECT s.bucket, s.session_id FROM session_ledger.session s WHERE s.ended_at < v_before ORDER BY s.ended_at LIMIT p_limit
  ), locked AS MATERIALIZED (
    SELECT s.bucket, s.session_id FROM due d JOIN session_ledger.session s ON s.bucket = d.bucket AND s.session_id = d.session_id
     ORDER BY s.bucket, s.session_id FOR UPDATE OF s SKIP LOCKED
  )
  DELETE FROM session_ledger.session s USING locked l WHERE s.bucket = l.bucket AND s.session_id = l.session_id;
  GET DIAGNOSTICS v_pruned = ROW_COUNT;
  RETURN v_pruned;
END $function$;
COMMENT ON FUNCTION session_ledger.prune_sessions(integer) IS 'Removes the rows of sessions that ended more than 30 days ago, so many at most, the longest ended first. Their events stay.';
GRANT EXECUTE ON FUNCTION session_ledger.prune_sessions(integer) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.recognise_database(p_revoke_live boolean, p_recorded_by integer, p_known_until timestamp with time zone, OUT changed boolean, OUT gap_seq bigint, OUT revoked bigint)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.recognise_database(boolean,integer,timestamp with time zone) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.record_application(p_application text, p_recorded_by integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.record_application(text,integer) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.record_gap(p_from timestamp with time zone, p_to timestamp with time zone, p_cause text, p_detail jsonb, p_recorded_by integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.record_gap(timestamp with time zone,timestamp with time zone,text,jsonb,integer) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.record_horizon(p_at timestamp with time zone, p_recorder text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
COMMENT ON FUNCTION session_ledger.record_horizon(timestamp with time zone,text) IS 'Puts H on the ledger, when it has reached p_at and no event says so yet: all that is dated up to it stands in front of this event, so a proof of absence can end here where nothing else happened since.';
GRANT EXECUTE ON FUNCTION session_ledger.record_horizon(timestamp with time zone,text) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.record_ledger_event(p_kind text, p_application text, p_reason text, p_detail jsonb, p_recorded_by integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE v_seq bigint;
BEGIN
  INSERT INTO session_ledger.event (kind, bucket, occurred_at, application, reason, detail, recorded_by)
  VALUES (p_kind, 0, session_ledger.ledger_clock(), p_application, p_reason, p_detail, p_recorded_by)
  RETURNING seq INTO v_seq;
  RETURN v_seq;
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.recorded_identity()
 RETURNS jsonb
 LANGUAGE sql
 STABLE
RETURN (SELECT h.identity FROM session_ledger.horizon h);
COMMENT ON FUNCTION session_ledger.recorded_identity() IS 'The database that the ledger last saw itself on, as ledger_started or the gap of its last change says too.';
GRANT EXECUTE ON FUNCTION session_ledger.recorded_identity() TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: the ledger is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege',
          HINT = 'A correction is a new event. Retention drops whole months through its own function.';
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.refuse_revival()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'session % has ended and is never changed again', OLD.session_id USING ERRCODE = 'integrity_constraint_violation';
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.renew_session(p_session_id uuid, p_secret_digest bytea, p_new_digest bytea, p_idle_seconds integer, p_absolute_seconds integer, p_amr text[], p_acr text, p_detail jsonb, p_seen session_ledger.client_seen, p_recorded_by integer, OUT renewed boolean, OUT renewed_at timestamp with time zone, OUT expires_at timestamp with time zone, OUT absolute_expires_at timestamp with time zone)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.renew_session(uuid,bytea,bytea,integer,integer,text[],text,jsonb,session_ledger.client_seen,integer) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.require_read_committed()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'sessions are opened and revoked under READ COMMITTED, not %', current_setting('transaction_isolation')
      USING ERRCODE = 'SL002', HINT = 'A snapshot taken before the lock could miss a login in flight. Run this in a READ COMMITTED transaction.';
  END IF;
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.revoke_live(p_recorded_by integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
COMMENT ON FUNCTION session_ledger.revoke_live(integer) IS 'Ends every live session as restored: its revocation may be among what was lost.';
GRANT EXECUTE ON FUNCTION session_ledger.revoke_live(integer) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.revoke_session(p_session_id uuid, p_secret_digest bytea, p_reason text, p_actor_id uuid, p_detail jsonb, p_seen session_ledger.client_seen, p_recorded_by integer, OUT known boolean, OUT revoked integer)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.revoke_session(uuid,bytea,text,uuid,jsonb,session_ledger.client_seen,integer) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.revoke_sessions(p_subject_id uuid, p_except_session_id uuid, p_reason text, p_actor_id uuid, p_detail jsonb, p_seen session_ledger.client_seen, p_recorded_by integer, p_applications text[])
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.revoke_sessions(uuid,uuid,text,uuid,jsonb,session_ledger.client_seen,integer,text[]) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.rfc3339(p_at timestamp with time zone)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN to_char((p_at AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text);
GRANT EXECUTE ON FUNCTION session_ledger.rfc3339(timestamp with time zone) TO session_ledger_reader, session_ledger_sealer, session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.sessions_over_limit(p_bucket smallint, p_subject_id uuid, p_replaced uuid, p_max_concurrent integer, p_now timestamp with time zone)
 RETURNS uuid[]
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  -- Live by deadline, not by ended_at: a session that lapsed while the expiry job was down takes nobody's place.
  SELECT coalesce(array_agg(session_id), '{}') FROM (
    SELECT s.session_id, row_number() OVER (ORDER BY s.created_at DESC, s.session_id DESC) AS newest
      FROM session_ledger.session s
     WHERE p_max_concurrent IS NOT NULL AND s.bucket = p_bucket AND s.subject_id = p_subject_id AND s.actor_id IS NULL
       AND s.ended_at IS NULL AND s.expires_at > p_now AND s.session_id IS DISTINCT FROM p_replaced) live
   WHERE newest >= p_max_concurrent
$function$;

CREATE OR REPLACE FUNCTION session_ledger.set_policy(p_application text, p_policy jsonb, p_recorded_by integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;
GRANT EXECUTE ON FUNCTION session_ledger.set_policy(text,jsonb,integer) TO session_ledger_writer;

CREATE OR REPLACE FUNCTION session_ledger.start_ledger(p_recorder text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION session_ledger.summarize_event_seq()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '100ms'
AS $function$
DECLARE
  v_index regclass;
  v_summarized integer := 0;
BEGIN
  FOR v_index IN SELECT i.inhrelid::regclass FROM pg_inherits i WHERE i.inhparent = 'session_ledger.event_seq'::regclass LOOP
    BEGIN
      v_summarized := v_summarized + brin_summarize_new_values(v_index);
    EXCEPTION WHEN lock_not_available THEN
      NULL;
    END;
  END LOOP;
  RETURN v_summarized;
END $function$;
COMMENT ON FUNCTION session_ledger.summarize_event_seq() IS 'Has the index on seq take in new blocks of events; without it, autovacuum does within a minute.';
GRANT EXECUTE ON FUNCTION session_ledger.summarize_event_seq() TO session_ledger_sealer;
