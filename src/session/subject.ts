import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { commit } from '../ledger/commitment.js';
import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { inLedgerTerms } from './ledger-terms.js';
import { checkedName, checkedUserId } from '../ledger/user-id.js';

/** A subject that is on record, and what the database's clock said when it was looked up. */
export interface RecordedSubject {
  readonly subjectId: string;
  /** Feeds the time of a new session's UUIDv7, so that no application clock enters a row. */
  readonly databaseNow: Instant;
}

/**
 * The subject of a user, recorded if it is not yet. Committed on a connection of its own before a session is opened,
 * because the opening locks the subject's row, and a row of an open transaction is nobody else's to lock.
 *
 * @param lookOn where the user is looked for first: a transaction that is open has its own connection, and one that
 *   holds the lock of a user must not need one of a pool whose connections all may wait for that lock.
 * @throws SessionLedgerError ERR_INVALID_USER_ID, ERR_INVALID_INPUT, ERR_LEDGER_UNAVAILABLE
 * @example
 * const { subjectId } = await ensureSubject(writer, 'default', 'alice');
 */
export async function ensureSubject(
  dataSource: DataSource,
  realm: string,
  userId: string,
  lookOn: Executor = dataSource,
): Promise<RecordedSubject> {
  checkedUserId(userId);
  checkedName(realm, 'realm');
  const found = (await findSubject(lookOn, realm, userId)) ?? (await recordSubject(dataSource, realm, userId));
  // Nothing was inserted, so another login of this new user was first; it is visible to a statement that starts now.
  const subject = found ?? (await findSubject(dataSource, realm, userId));
  if (subject === undefined)
    throw new SessionLedgerError('ERR_INTERNAL', 'a subject can neither be recorded nor found');
  return subject;
}

// The instant in the ledger's own print: the application's own connection may have any time zone and DateStyle.
const findSubjectSql = `
SELECT subject_id AS "subjectId", session_ledger.rfc3339(session_ledger.ledger_clock()) AS "databaseNow"
  FROM session_ledger.subject WHERE realm = $1 AND user_id = $2`;

/** The subject of a user, or undefined for a user the ledger has never seen. Records nothing. */
export async function findSubject(
  executor: Executor,
  realm: string,
  userId: string,
): Promise<RecordedSubject | undefined> {
  const statement = { name: 'session_ledger_find_subject_v1', text: findSubjectSql, values: [realm, userId] };
  const [subject] = await inLedgerTerms(() => queryRows<RecordedSubject>(executor, statement));
  return subject;
}

const recordSubjectSql = `
INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (realm, user_id) DO NOTHING
RETURNING subject_id AS "subjectId", session_ledger.ledger_clock() AS "databaseNow"`;

async function recordSubject(
  dataSource: DataSource,
  realm: string,
  userId: string,
): Promise<RecordedSubject | undefined> {
  const { salt, commitment } = commit({ realm, userId });
  const values = [randomUUID(), realm, userId, salt, commitment];
  const statement = { name: 'session_ledger_record_subject_v1', text: recordSubjectSql, values };
  const [subject] = await inLedgerTerms(() => queryRows<RecordedSubject>(dataSource, statement));
  return subject;
}
