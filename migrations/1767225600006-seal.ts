import type { MigrationInterface, QueryRunner } from 'typeorm';

/*
 * The sealed tree. Nothing of it is ever changed, so a seal that was promised cannot be taken back by the role that
 * made it.
 *
 * `tree_head.prev_size` is unique: two sealers that both believe to be the only one build on the same head, and one of
 * the two inserts fails. An advisory lock alone is lost without a word when its connection is.
 *
 * A tile grows with every seal until it holds 256 hashes. A row holds only the hashes that brought the tile to `width`,
 * so that a ledger sealed once a second stores each hash once and not up to 256 times.
 */
const sealSql = `
CREATE TABLE session_ledger.tree_head (
  size bigint PRIMARY KEY CHECK (size > prev_size),
  prev_size bigint NOT NULL UNIQUE CHECK (prev_size >= 0),
  root bytea NOT NULL CHECK (length(root) = 32),
  last_seq bigint NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE session_ledger.tree_head IS 'The Merkle tree (RFC 6962) after each seal: how many leaves, their root, and the seq of the last one.';

CREATE TABLE session_ledger.seal_run (
  seq_first bigint PRIMARY KEY,
  seq_last bigint NOT NULL UNIQUE CHECK (seq_last >= seq_first),
  leaf_first bigint NOT NULL UNIQUE CHECK (leaf_first >= 0)
);
COMMENT ON TABLE session_ledger.seal_run IS 'Events seq_first to seq_last, without a gap between them, are the leaves from leaf_first on. Needs no row of the events, so it outlives them.';

CREATE TABLE session_ledger.tile (
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
  n bigint NOT NULL CHECK (n >= 0),
  width smallint NOT NULL CHECK (width BETWEEN 1 AND 256),
  hashes bytea NOT NULL CHECK (length(hashes) BETWEEN 32 AND width * 32 AND length(hashes) % 32 = 0),
  PRIMARY KEY (level, n, width)
);
ALTER TABLE session_ledger.tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
COMMENT ON TABLE session_ledger.tile IS 'Tiles of the tree (C2SP tlog-tiles). A row holds the hashes that brought tile n of the level to this width; in the order of width they make up the tile.';

CREATE TABLE session_ledger.seal_key (
  vkey text COLLATE "C" PRIMARY KEY,
  origin text COLLATE "C" NOT NULL,
  first_size bigint NOT NULL CHECK (first_size >= 0),
  added_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE session_ledger.seal_key IS 'The public keys that sign checkpoints, and from which size on. A key that joins a log signs beside one that is in the list.';

CREATE TABLE session_ledger.published_checkpoint (
  origin text COLLATE "C" NOT NULL,
  size bigint NOT NULL REFERENCES session_ledger.tree_head,
  note text COLLATE "C" NOT NULL,
  published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (origin, size)
);
-- Whoever walks over all of them, or asks how far they go, does so whatever their log: there may be one for each second of years.
CREATE UNIQUE INDEX published_checkpoint_by_size ON session_ledger.published_checkpoint (size, origin);
COMMENT ON TABLE session_ledger.published_checkpoint IS 'The checkpoints (C2SP tlog-checkpoint) as they were signed, each after its head was committed.';

CREATE TABLE session_ledger.checkpoint_timestamp (
  origin text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  authority text NOT NULL,
  response bytea NOT NULL,
  stamped_at timestamptz NOT NULL,
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (size, origin, authority),
  FOREIGN KEY (origin, size) REFERENCES session_ledger.published_checkpoint
);
COMMENT ON TABLE session_ledger.checkpoint_timestamp IS 'What time-stamping authorities answered (RFC 3161 TimeStampResp) about the bytes of a checkpoint.';

CREATE TABLE session_ledger.checkpoint_cosignature (
  origin text COLLATE "C" NOT NULL,
  size bigint NOT NULL,
  witness text COLLATE "C" NOT NULL,
  lines text COLLATE "C" NOT NULL,
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (size, origin, witness),
  FOREIGN KEY (origin, size) REFERENCES session_ledger.published_checkpoint
);
COMMENT ON TABLE session_ledger.checkpoint_cosignature IS 'Signature lines that witnesses (C2SP tlog-witness) have added to a checkpoint.';
`;

/*
 * The one event that the sealer records: the log goes on under another name. It is a leaf of the first checkpoint under
 * that name, so the new log says which one it continues, and how that one ended.
 */
const originSql = `
CREATE FUNCTION session_ledger.open_origin(p_origin text, p_previous text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
END $$;
COMMENT ON FUNCTION session_ledger.open_origin(text, text) IS
  'Records, once, that the log goes on under another name, with the last checkpoint under the name before; the seq of that event.';
REVOKE ALL ON FUNCTION session_ledger.open_origin(text, text) FROM PUBLIC;
`;

/*
 * BRIN knows of new blocks only once somebody has summarized them, for which only the owner has the right. It waits for
 * nobody: where autovacuum is at a partition, autovacuum does it.
 */
const summarizeSql = `
CREATE FUNCTION session_ledger.summarize_event_seq() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
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
END $$;
COMMENT ON FUNCTION session_ledger.summarize_event_seq() IS 'Has the index on seq take in new blocks of events; without it, autovacuum does within a minute.';
REVOKE ALL ON FUNCTION session_ledger.summarize_event_seq() FROM PUBLIC;
`;

const appendOnlySql = `
DO $$
DECLARE v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['tree_head', 'seal_run', 'tile', 'seal_key', 'published_checkpoint', 'checkpoint_timestamp', 'checkpoint_cosignature'] LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON session_ledger.%I FOR EACH ROW EXECUTE FUNCTION session_ledger.refuse_change()',
                   v_table || '_append_only', v_table);
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON session_ledger.%I FOR EACH STATEMENT EXECUTE FUNCTION session_ledger.refuse_change()',
                   v_table || '_no_truncate', v_table);
    EXECUTE format('ALTER TABLE session_ledger.%I ENABLE ALWAYS TRIGGER %I', v_table, v_table || '_append_only');
    EXECUTE format('ALTER TABLE session_ledger.%I ENABLE ALWAYS TRIGGER %I', v_table, v_table || '_no_truncate');
  END LOOP;
END $$;
`;

const sealGrantsSql = `
DO $$
DECLARE
  v_prefix text := current_setting('session_ledger.role_prefix', true);
  v_writer text := v_prefix || '_writer';
  v_reader text := v_prefix || '_reader';
  v_sealer text := v_prefix || '_sealer';
BEGIN
  IF coalesce(v_prefix, '') = '' THEN
    RETURN;
  END IF;
  EXECUTE format('GRANT SELECT ON session_ledger.tree_head, session_ledger.seal_run, session_ledger.tile, session_ledger.seal_key,
    session_ledger.published_checkpoint, session_ledger.checkpoint_timestamp, session_ledger.checkpoint_cosignature TO %I, %I, %I', v_writer, v_reader, v_sealer);
  EXECUTE format('GRANT SELECT ON session_ledger.event TO %I', v_sealer);
  -- What was handed out tells an event that was inserted under a number of its own.
  EXECUTE format('GRANT SELECT ON SEQUENCE session_ledger.event_seq_seq TO %I, %I, %I', v_writer, v_reader, v_sealer);
  EXECUTE format('GRANT INSERT (size, prev_size, root, last_seq) ON session_ledger.tree_head TO %I', v_sealer);
  EXECUTE format('GRANT INSERT ON session_ledger.seal_run, session_ledger.tile TO %I', v_sealer);
  EXECUTE format('GRANT INSERT (vkey, origin, first_size) ON session_ledger.seal_key TO %I', v_sealer);
  EXECUTE format('GRANT INSERT (origin, size, note) ON session_ledger.published_checkpoint TO %I', v_sealer);
  EXECUTE format('GRANT INSERT (origin, size, authority, response, stamped_at) ON session_ledger.checkpoint_timestamp TO %I', v_sealer);
  EXECUTE format('GRANT EXECUTE ON FUNCTION session_ledger.open_origin(text, text), session_ledger.summarize_event_seq() TO %I', v_sealer);
  EXECUTE format('GRANT INSERT (origin, size, witness, lines) ON session_ledger.checkpoint_cosignature TO %I', v_sealer);
END $$;
`;

export class Seal1767225600006 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(sealSql);
    await queryRunner.query(originSql);
    await queryRunner.query(summarizeSql);
    await queryRunner.query(appendOnlySql);
    await queryRunner.query(sealGrantsSql);
  }

  async down(): Promise<void> {
    throw new Error('refusing to drop the seals; go forward with a new migration');
  }
}
