import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Append-only by privilege. Roles carry the prefix that the migration runner leaves in session_ledger.role_prefix
 * (roles are cluster-wide, schemas are not). Where roles cannot be made, the prefix is empty, nothing is granted, and
 * the triggers stand alone; the runner says so.
 */
const grantsSql = `
DO $$
DECLARE
  v_prefix text := current_setting('session_ledger.role_prefix', true);
  v_writer text := v_prefix || '_writer';
  v_reader text := v_prefix || '_reader';
  v_sealer text := v_prefix || '_sealer';
BEGIN
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA session_ledger FROM PUBLIC;
  IF coalesce(v_prefix, '') = '' THEN
    RETURN;
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA session_ledger TO %I, %I, %I', v_writer, v_reader, v_sealer);
  EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA session_ledger TO %I, %I', v_writer, v_reader);
  -- Events are read and written through the ledger alone: whoever could reach a partition directly would get past its columns' grants.
  EXECUTE format('REVOKE ALL ON session_ledger.event_default FROM %I, %I', v_writer, v_reader);
  -- The sealer sees the ledger and nothing of the erasable side: leaves hold commitments.
  EXECUTE format('GRANT SELECT ON session_ledger.event, session_ledger.recorder, session_ledger.horizon TO %I', v_sealer);
  EXECUTE format('REVOKE ALL ON session_ledger.api_key, session_ledger.idempotent_opening FROM %I', v_reader);
  EXECUTE format('GRANT SELECT ON SEQUENCE session_ledger.clock_floor TO %I, %I, %I', v_writer, v_reader, v_sealer);
  EXECUTE format('GRANT EXECUTE ON FUNCTION session_ledger.clock_floor(), session_ledger.ledger_clock(), session_ledger.clock_is_behind(),
    session_ledger.rfc3339(timestamptz), session_ledger.longest_absolute_seconds(), session_ledger.recorded_identity(), session_ledger.database_identity(),
    session_ledger.is_live(text, timestamptz, timestamptz), session_ledger.before_birth_of(uuid),
    session_ledger.last_event_at(smallint, uuid, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) TO %I, %I, %I', v_writer, v_reader, v_sealer);

  -- The writer: inserts listed columns of the ledger (never seq nor recorded_at), changes listed columns of the hot row.
  EXECUTE format('GRANT INSERT (occurred_at, expires_at, client_id, session_seq, recorded_by, bucket, session_id, kind, reason, subject_id, actor_id,
    application, absolute_expires_at, idle_seconds, secret_digest, detail) ON session_ledger.event TO %I', v_writer);
  EXECUTE format('GRANT UPDATE (last_used_at, expires_at, sweep_at, ended_at, end_reason, event_count) ON session_ledger.session TO %I', v_writer);
  EXECUTE format('GRANT INSERT (subject_id, realm, user_id, salt, commitment) ON session_ledger.subject TO %I', v_writer);
  EXECUTE format('GRANT INSERT (bucket, client_id, session_id, subject_id, ip, user_agent, salt, commitment) ON session_ledger.client TO %I', v_writer);
  EXECUTE format('GRANT USAGE ON SEQUENCE session_ledger.client_id_block TO %I', v_writer);
  EXECUTE format('GRANT INSERT (note_id, subject_id, text, salt, commitment) ON session_ledger.note TO %I', v_writer);
  EXECUTE format('GRANT INSERT (name) ON session_ledger.recorder TO %I', v_writer);
  EXECUTE format('GRANT INSERT (api_key_id, name, key_digest, roles, realm, applications, created_by),
    UPDATE (last_used_at, revoked_at, revoked_by) ON session_ledger.api_key TO %I', v_writer);
  EXECUTE format('GRANT UPDATE (session_id) ON session_ledger.idempotent_opening TO %I', v_writer);
  EXECUTE format('GRANT EXECUTE ON FUNCTION session_ledger.record_application(text, integer), session_ledger.set_policy(text, jsonb, integer),
    session_ledger.record_gap(timestamptz, timestamptz, text, jsonb, integer), session_ledger.record_horizon(timestamptz, text),
    session_ledger.advance_horizon(), session_ledger.recognise_database(boolean, integer, timestamptz),
    session_ledger.is_behind(timestamptz), session_ledger.revoke_live(integer),
    session_ledger.ensure_partitions(integer), session_ledger.claim_opening(uuid, bytea, uuid[]), session_ledger.prune_sessions(integer),
    session_ledger.open_session(uuid, bytea, uuid, uuid, text, integer, integer, integer, text, text[], text, jsonb, session_ledger.client_seen, uuid, bytea, integer),
    session_ledger.renew_session(uuid, bytea, bytea, integer, integer, text[], text, jsonb, session_ledger.client_seen, integer),
    session_ledger.revoke_session(uuid, bytea, text, uuid, jsonb, session_ledger.client_seen, integer),
    session_ledger.revoke_sessions(uuid, uuid, text, uuid, jsonb, session_ledger.client_seen, integer, text[]) TO %I', v_writer);

  -- The reader asks, and every question leaves a row.
  EXECUTE format('GRANT INSERT (asked_by, kind, subject_id, parameters, case_id) ON session_ledger.question TO %I, %I', v_reader, v_writer);
  EXECUTE format('GRANT INSERT (question_id, outcome, row_count, detail) ON session_ledger.question_outcome TO %I, %I', v_reader, v_writer);
  EXECUTE format('GRANT INSERT (question_id, part, subject_ids) ON session_ledger.question_part TO %I, %I', v_reader, v_writer);
  EXECUTE format('GRANT INSERT (question_id, realm, user_id) ON session_ledger.question_user TO %I, %I', v_reader, v_writer);
  EXECUTE format('GRANT INSERT (question_id, ip, user_agent) ON session_ledger.question_client TO %I, %I', v_reader, v_writer);
END $$;
`;

export class Grants1767225600005 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(grantsSql);
  }

  async down(): Promise<void> {
    throw new Error('refusing to take the roles apart; go forward with a new migration');
  }
}
