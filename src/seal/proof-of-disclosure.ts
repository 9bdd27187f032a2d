import { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { commitmentOf, type SessionAtHand } from './verify-answer.js';
import type { DisclosedClient, DisclosedUser, Disclosure } from './verify-evidence-file.js';

/** Who a user is to the ledger, and what opens it. */
export interface SubjectFound {
  readonly subjectId: string;
  /** Hex: what stands in leaves. */
  readonly commitment: string;
  readonly disclosure: Disclosure<DisclosedUser>;
}

const disclosedUserSql = `
SELECT subject_id AS "subjectId", encode(salt, 'hex') AS salt, encode(commitment, 'hex') AS commitment
  FROM session_ledger.subject WHERE realm = $1 AND user_id = $2`;

/**
 * Opens who a user is.
 *
 * @throws SessionLedgerError `ERR_EVIDENCE_REJECTED` when the user is not the one that was committed to, `ERR_NOT_PROVABLE` for one who
 *   is no longer known.
 */
export async function disclosedUser(executor: Executor, { realm, userId }: DisclosedUser): Promise<SubjectFound> {
  const statement = { name: 'disclosed_user', text: disclosedUserSql, values: [realm, userId] };
  const [found] = await queryRows<{ subjectId: string; salt: string; commitment: string }>(executor, statement);
  if (found === undefined)
    throw new SessionLedgerError('ERR_NOT_PROVABLE', 'this answer has no proof: the ledger no longer knows the user');
  const { subjectId, salt, commitment } = found;
  const disclosure = { value: { realm, userId }, salt };
  if (commitmentOf(disclosure) !== commitment) throw notCommittedTo(`the user of subject ${subjectId}`);
  return { subjectId, commitment, disclosure };
}

const disclosedClientsSql = `
SELECT c.client_id AS "clientId", host(c.ip) AS ip, c.user_agent AS "userAgent", encode(c.salt, 'hex') AS salt
  FROM unnest($1::smallint[], $2::bigint[]) AS asked(bucket, client_id)
  JOIN session_ledger.client c USING (bucket, client_id)
 WHERE c.erased_at IS NULL
 ORDER BY c.client_id`;

/**
 * Opens where sessions were seen from. A client that was erased since stays closed.
 *
 * @throws SessionLedgerError `ERR_EVIDENCE_REJECTED` when a client is not the one that was committed to.
 */
export async function disclosedClients(
  executor: Executor,
  sessions: readonly SessionAtHand[],
): Promise<Disclosure<DisclosedClient>[]> {
  const committed = new Map(sessions.map(({ seenBy, clientCommitment }) => [seenBy?.clientId, clientCommitment]));
  const seen = sessions.flatMap(({ seenBy, clientCommitment }) => (seenBy && clientCommitment ? seenBy : []));
  const values = [seen.map(({ bucket }) => bucket), seen.map(({ clientId }) => clientId)];
  const statement = { name: 'disclosed_clients', text: disclosedClientsSql, values };
  const rows = await queryRows<DisclosedClient & { clientId: number; salt: string }>(executor, statement);
  return rows.map(({ clientId, ip, userAgent, salt }) => {
    const disclosure = { value: { ip, userAgent }, salt };
    if (commitmentOf(disclosure) !== committed.get(String(clientId))) throw notCommittedTo(`client ${clientId}`);
    return disclosure;
  });
}

function notCommittedTo(what: string): SessionLedgerError {
  return new SessionLedgerError(
    'ERR_EVIDENCE_REJECTED',
    `${what} is not what was committed to: the row was changed since`,
  );
}
