import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The erasable side: who a subject is, where a client was, what a note says. The ledger holds their commitments. */
const erasableSql = `
CREATE TABLE session_ledger.subject (
  subject_id uuid PRIMARY KEY,
  realm text COLLATE "C" NOT NULL CHECK (length(realm) BETWEEN 1 AND 255),
  user_id text COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 255),
  salt bytea NOT NULL CHECK (length(salt) = 16),
  commitment bytea NOT NULL CHECK (length(commitment) = 32),
  UNIQUE (realm, user_id)
);
COMMENT ON TABLE session_ledger.subject IS 'A random id standing for a user in a realm; commitment = SHA-256(salt || canonical JSON {realm, userId}).';

CREATE SEQUENCE session_ledger.client_id_block AS bigint INCREMENT BY 1000 START 1;
COMMENT ON SEQUENCE session_ledger.client_id_block IS 'First id of a block of 1,000 that one process hands out.';

CREATE TABLE session_ledger.client (
  bucket smallint NOT NULL,
  client_id bigint NOT NULL,
  session_id uuid NOT NULL,
  subject_id uuid NOT NULL,
  ip inet,
  user_agent text COLLATE "C" CHECK (length(user_agent) <= 512),
  salt bytea CHECK (length(salt) = 16),
  commitment bytea NOT NULL CHECK (length(commitment) = 32),
  first_seen_at timestamptz NOT NULL DEFAULT session_ledger.ledger_clock(),
  erased_at timestamptz,
  -- In this order, it cannot be mistaken for the index of a session's clients: where nothing was known of the table yet, each new
  -- client was looked for among all of its bucket.
  PRIMARY KEY (client_id, bucket),
  CONSTRAINT client_says_something CHECK (ip IS NOT NULL OR user_agent IS NOT NULL OR erased_at IS NOT NULL)
);
CREATE UNIQUE INDEX client_of_session ON session_ledger.client (bucket, session_id, ip, user_agent) NULLS NOT DISTINCT
  WHERE erased_at IS NULL;
CREATE INDEX client_ip ON session_ledger.client USING gist (ip inet_ops);
CREATE INDEX client_first_seen ON session_ledger.client (first_seen_at DESC, client_id);
COMMENT ON TABLE session_ledger.client IS 'One row per session, address and agent; commitment = SHA-256(salt || canonical JSON {ip, userAgent}), also in the event that introduced it.';

CREATE TABLE session_ledger.note (
  note_id uuid PRIMARY KEY,
  subject_id uuid,
  text text COLLATE "C" CHECK (length(text) BETWEEN 1 AND 2000),
  salt bytea CHECK (length(salt) = 16),
  commitment bytea NOT NULL CHECK (length(commitment) = 32)
);
COMMENT ON TABLE session_ledger.note IS 'Free text beside a reason code; commitment = SHA-256(salt || canonical JSON {text}), also in the event.';

CREATE TABLE session_ledger.application (
  application text COLLATE "C" PRIMARY KEY CHECK (length(application) BETWEEN 1 AND 255)
);
COMMENT ON TABLE session_ledger.application IS 'Which applications have an application_recorded event; since when is on the ledger.';
`;

/*
 * The hot row. fillfactor leaves room for the new version of a row on its own page: a use changes no indexed column
 * (sweep_at is written by the expiry job alone), so it stays a HOT update.
 */
const sessionSql = `
CREATE TABLE session_ledger.session (
  bucket smallint NOT NULL,
  session_id uuid NOT NULL,
  secret_digest bytea NOT NULL CHECK (length(secret_digest) = 32),
  subject_id uuid NOT NULL,
  actor_id uuid,
  application text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  authenticated_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  absolute_expires_at timestamptz NOT NULL,
  sweep_at timestamptz NOT NULL,
  ended_at timestamptz,
  idle_seconds integer CHECK (idle_seconds > 0),
  event_count integer NOT NULL,
  end_reason text COLLATE "C",
  acr text COLLATE "C",
  amr text[] COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, session_id),
  CHECK (bucket = get_byte(uuid_send(session_id), 15) & 63),
  CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX session_of_subject ON session_ledger.session (bucket, subject_id) WHERE ended_at IS NULL;
CREATE INDEX session_of_actor ON session_ledger.session (actor_id) WHERE ended_at IS NULL AND actor_id IS NOT NULL;
CREATE INDEX session_to_sweep ON session_ledger.session (sweep_at) WHERE ended_at IS NULL;
CREATE INDEX session_to_prune ON session_ledger.session (ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON TABLE session_ledger.session IS 'What the guard needs to know now. Every column but sweep_at can be rebuilt from the ledger (rebuild --check).';
COMMENT ON COLUMN session_ledger.session.end_reason IS
  'Null exactly while ended_at is. Whoever looks for a session by its id asks for this one: where little is known of the table yet, a planner that reads ended_at IS NULL prefers the index of a bucket''s live sessions to the primary key.';
COMMENT ON COLUMN session_ledger.session.authenticated_at IS 'The last fresh authentication: creation, or a renewal with amr.';

CREATE FUNCTION session_ledger.refuse_revival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'session % has ended and is never changed again', OLD.session_id USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER session_never_revived BEFORE UPDATE ON session_ledger.session
  FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION session_ledger.refuse_revival();
ALTER TABLE session_ledger.session ENABLE ALWAYS TRIGGER session_never_revived;
`;

/*
 * The row of an ended session serves the browser that still holds its cookie: it is told that this very session is over.
 * After 30 days nobody is; what happened stays on the ledger, from which the row could be made again.
 *
 * Rows that somebody holds are passed over, so this waits for nobody and nobody for long.
 */
const pruneSql = `
CREATE FUNCTION session_ledger.prune_sessions(p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION session_ledger.prune_sessions(integer) IS
  'Removes the rows of sessions that ended more than 30 days ago, so many at most, the longest ended first. Their events stay.';
`;

/** Who asked what about whom. The outcome is a second row, because the first must be there before the answer is known. */
const questionSql = `
CREATE TABLE session_ledger.question (
  question_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  asked_at timestamptz NOT NULL DEFAULT session_ledger.ledger_clock(),
  asked_by text COLLATE "C" NOT NULL CHECK (length(asked_by) BETWEEN 1 AND 255),
  database_role text COLLATE "C" NOT NULL DEFAULT session_user,
  kind text COLLATE "C" NOT NULL,
  subject_id uuid,
  parameters jsonb NOT NULL,
  case_id text COLLATE "C" CHECK (length(case_id) BETWEEN 1 AND 255)
);
CREATE INDEX question_subject ON session_ledger.question (subject_id, asked_at) WHERE subject_id IS NOT NULL;
CREATE INDEX question_asked_at ON session_ledger.question USING brin (asked_at);

CREATE TABLE session_ledger.question_outcome (
  question_id bigint NOT NULL REFERENCES session_ledger.question,
  finished_at timestamptz NOT NULL DEFAULT session_ledger.ledger_clock(),
  outcome text COLLATE "C" NOT NULL CHECK (outcome IN ('answered', 'failed', 'abandoned')),
  row_count bigint NOT NULL CHECK (row_count >= 0),
  detail jsonb,
  PRIMARY KEY (question_id)
);

CREATE TABLE session_ledger.question_part (
  question_id bigint NOT NULL REFERENCES session_ledger.question,
  part integer NOT NULL,
  subject_ids uuid[] NOT NULL,
  PRIMARY KEY (question_id, part)
);
COMMENT ON TABLE session_ledger.question_part IS 'About whom a list of questions was: one row for each part of the list, written before its answers go out.';

CREATE TABLE session_ledger.question_user (
  question_id bigint NOT NULL REFERENCES session_ledger.question,
  realm text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (question_id, realm, user_id)
);
COMMENT ON TABLE session_ledger.question_user IS 'Erasable: the text of user ids the ledger did not know when it was asked about them; a list asks about many at once.';

CREATE TABLE session_ledger.question_client (
  question_id bigint PRIMARY KEY REFERENCES session_ledger.question,
  ip cidr,
  user_agent text COLLATE "C"
);
COMMENT ON TABLE session_ledger.question_client IS 'Erasable: the address, network or agent that was asked about.';

CREATE TRIGGER question_append_only BEFORE UPDATE OR DELETE ON session_ledger.question
  FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
CREATE TRIGGER question_no_truncate BEFORE TRUNCATE ON session_ledger.question
  FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
CREATE TRIGGER question_outcome_append_only BEFORE UPDATE OR DELETE ON session_ledger.question_outcome
  FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
CREATE TRIGGER question_outcome_no_truncate BEFORE TRUNCATE ON session_ledger.question_outcome
  FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
CREATE TRIGGER question_part_append_only BEFORE UPDATE OR DELETE ON session_ledger.question_part
  FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change();
CREATE TRIGGER question_part_no_truncate BEFORE TRUNCATE ON session_ledger.question_part
  FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change();
ALTER TABLE session_ledger.question ENABLE ALWAYS TRIGGER question_append_only;
ALTER TABLE session_ledger.question ENABLE ALWAYS TRIGGER question_no_truncate;
ALTER TABLE session_ledger.question_part ENABLE ALWAYS TRIGGER question_part_append_only;
ALTER TABLE session_ledger.question_part ENABLE ALWAYS TRIGGER question_part_no_truncate;
ALTER TABLE session_ledger.question_outcome ENABLE ALWAYS TRIGGER question_outcome_append_only;
ALTER TABLE session_ledger.question_outcome ENABLE ALWAYS TRIGGER question_outcome_no_truncate;
`;

/** API keys of the service: a digest, never the key. A revoked key keeps its row, so that old questions name who asked. */
const apiKeySql = `
CREATE TABLE session_ledger.api_key (
  api_key_id uuid PRIMARY KEY,
  name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  key_digest bytea NOT NULL UNIQUE CHECK (length(key_digest) = 32),
  roles text[] COLLATE "C" NOT NULL CHECK (roles <@ ARRAY['application', 'analyst', 'compliance', 'admin'] AND cardinality(roles) > 0),
  realm text COLLATE "C",
  applications text[] COLLATE "C",
  created_at timestamptz NOT NULL DEFAULT session_ledger.ledger_clock(),
  created_by text COLLATE "C" NOT NULL,
  last_used_at timestamptz,
  revoked_at timestamptz,
  revoked_by text COLLATE "C"
);
COMMENT ON COLUMN session_ledger.api_key.realm IS 'Null: any realm.';
COMMENT ON COLUMN session_ledger.api_key.applications IS 'Null: any application.';
`;

/*
 * An opening whose answer may not have arrived. The claim is the row lock that parallel retries wait at; after it the
 * subjects are locked, so that revoking the earlier session keeps the lock order of every other statement (subjects,
 * then sessions). The digest of the caller's Idempotency-Key is kept for 24 hours, and nothing about the user.
 */
const idempotentOpeningSql = `
CREATE TABLE session_ledger.idempotent_opening (
  api_key_id uuid NOT NULL,
  key_digest bytea NOT NULL CHECK (length(key_digest) = 32),
  session_id uuid,
  claimed_at timestamptz NOT NULL DEFAULT session_ledger.ledger_clock(),
  PRIMARY KEY (api_key_id, key_digest)
);
CREATE INDEX idempotent_opening_claimed_at ON session_ledger.idempotent_opening (claimed_at);
COMMENT ON TABLE session_ledger.idempotent_opening IS
  'Which session the latest opening with an Idempotency-Key opened, so that a retry can revoke it as undelivered.';

CREATE FUNCTION session_ledger.claim_opening(p_api_key_id uuid, p_key_digest bytea, p_subject_ids uuid[],
  OUT session_id uuid, OUT is_same_subject boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
`;

export class Sessions1767225600001 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(erasableSql);
    await queryRunner.query(sessionSql);
    await queryRunner.query(pruneSql);
    await queryRunner.query(questionSql);
    await queryRunner.query(apiKeySql);
    await queryRunner.query(idempotentOpeningSql);
  }

  /** Sessions and questions are evidence like the events: nothing here drops them. */
  async down(): Promise<void> {
    throw new Error('refusing to drop sessions and questions; restore a backup into an empty database instead');
  }
}
