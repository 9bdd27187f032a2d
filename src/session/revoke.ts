import { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { bucketOf } from '../token/session-token.js';
import type { ClientSeen, SeenClient } from './client.js';
import { clientParameters } from './client-parameters.js';
import { inLedgerTerms } from './ledger-terms.js';
import { noteDetail, type Note } from './note.js';
import type { RevokeReason } from './reasons.js';

/** Why a session is revoked, and through whom. */
export interface RevokeInput {
  readonly reason: RevokeReason;
  /** Who revokes, when it is not the user. */
  readonly actor?: { readonly userId: string; readonly realm?: string | undefined } | undefined;
  /** Free text of at most 2,000 characters; kept where it can be erased. */
  readonly note?: string | undefined;
  readonly client?: ClientSeen | undefined;
  readonly recordedBy?: string | undefined;
}

/** Why all sessions of a user are revoked, and which one is not. */
export interface RevokeSessionsInput extends RevokeInput {
  readonly realm?: string | undefined;
  readonly exceptSessionId?: string | undefined;
  /** Only the sessions of these applications; of all when omitted. */
  readonly applications?: readonly string[] | undefined;
}

/** A revocation whose every part was checked. */
export interface CheckedRevocation {
  readonly reason: string;
  readonly actorId: string | null;
  readonly note: Note | undefined;
  readonly client: SeenClient | undefined;
  /** On record already (`recorderId`). */
  readonly recordedBy: string;
}

/** What came of revoking one session. */
export interface RevocationOfOne {
  /** Whether the ledger has ever seen the session (with a digest: seen it with this secret). */
  readonly known: boolean;
  /** 0 when the session had ended already, or ends now as expired because its deadline had passed. */
  readonly revoked: 0 | 1;
}

// The note is written in the statement that revokes, and only if it does: no note without its event, and no event without its note.
const revokeSessionSql = `
WITH ended AS MATERIALIZED (
  SELECT known, revoked FROM session_ledger.revoke_session($1, $2, $3, $4, $5,
    ROW($6::inet, $7::text, $8::bytea, $9::bytea)::session_ledger.client_seen,
    (SELECT w.recorder_id FROM session_ledger.recorder w WHERE w.name = $10))
), noted AS (
  INSERT INTO session_ledger.note (note_id, subject_id, text, salt, commitment)
  SELECT $11::uuid, (SELECT s.subject_id FROM session_ledger.session s WHERE s.bucket = $12 AND s.session_id = $1), $13::text, $14::bytea, $15::bytea
    FROM ended WHERE revoked > 0 AND $11::uuid IS NOT NULL
)
SELECT known, revoked FROM ended`;

/**
 * Revokes one session. Once this has returned (and the transaction it joined has committed), no instance accepts its token.
 *
 * @param secretDigest when given, the session is revoked only for the bearer of the right secret.
 */
export async function revokeSession(
  executor: Executor,
  sessionId: string,
  secretDigest: Buffer | null,
  revocation: CheckedRevocation,
): Promise<RevocationOfOne> {
  const { reason, actorId, note, client, recordedBy } = revocation;
  const values = [
    sessionId,
    secretDigest,
    reason,
    actorId,
    JSON.stringify(noteDetail(note)),
    ...clientParameters(client),
    recordedBy,
    note?.noteId ?? null,
    bucketOf(sessionId),
    note?.text ?? null,
    note?.salt ?? null,
    note?.commitment ?? null,
  ];
  const statement = { name: 'session_ledger_revoke_v1', text: revokeSessionSql, values };
  const [outcome] = await inLedgerTerms(() => queryRows<RevocationOfOne>(executor, statement));
  if (outcome === undefined) throw new SessionLedgerError('ERR_INTERNAL', 'revoke_session answered no row');
  return outcome;
}

const revokeSessionsSql = `
WITH ended AS MATERIALIZED (
  SELECT session_ledger.revoke_sessions($1, $2, $3, $4, $5,
    ROW($6::inet, $7::text, $8::bytea, $9::bytea)::session_ledger.client_seen,
    (SELECT w.recorder_id FROM session_ledger.recorder w WHERE w.name = $10), $15) AS revoked
), noted AS (
  INSERT INTO session_ledger.note (note_id, subject_id, text, salt, commitment)
  SELECT $11::uuid, $1::uuid, $12::text, $13::bytea, $14::bytea FROM ended WHERE revoked > 0 AND $11::uuid IS NOT NULL
)
SELECT revoked FROM ended`;

/**
 * Revokes every session of a subject (in some applications, when they are given), and those in which the subject acts as somebody else. A login in flight is either
 * before this, and revoked by it, or after it: both lock the subject's row first.
 *
 * @returns how many sessions were revoked; those past their deadline expire instead and do not count.
 */
export async function revokeSessionsOf(
  executor: Executor,
  subjectId: string,
  { exceptSessionId, applications }: { exceptSessionId: string | null; applications: readonly string[] | null },
  revocation: CheckedRevocation,
): Promise<number> {
  const { reason, actorId, note, client, recordedBy } = revocation;
  const values = [
    subjectId,
    exceptSessionId,
    reason,
    actorId,
    JSON.stringify(noteDetail(note)),
    ...clientParameters(client),
    recordedBy,
    note?.noteId ?? null,
    note?.text ?? null,
    note?.salt ?? null,
    note?.commitment ?? null,
    applications,
  ];
  const statement = { name: 'session_ledger_revoke_sessions_v1', text: revokeSessionsSql, values };
  const [outcome] = await inLedgerTerms(() => queryRows<{ revoked: number }>(executor, statement));
  return outcome?.revoked ?? 0;
}
