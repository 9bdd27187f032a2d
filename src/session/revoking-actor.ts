import type { DataSource } from 'typeorm';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { bucketOf } from '../token/session-token.js';
import { inLedgerTerms } from './ledger-terms.js';
import type { SessionActor } from './live-session.js';
import { scopeOfSession } from './session-scope.js';
import { ensureSubject, findSubject } from './subject.js';

/**
 * The subject of who revokes a session. Somebody new is recorded only where the ledger knows the session: a request for
 * one that never was leaves no name behind.
 *
 * @param executor the transaction that revokes; it may have opened the session.
 * @returns undefined when both are unknown to the ledger.
 */
export async function revokingActorId(
  writer: DataSource,
  executor: Executor,
  actor: SessionActor,
  sessionId: string,
): Promise<string | undefined> {
  const found = await findSubject(executor, actor.realm, actor.userId);
  if (found !== undefined) return found.subjectId;
  // Its row, then its events for one whose row was pruned: those not in an application's transaction, which would lock their partitions.
  const isKnown = (await hasRow(executor, sessionId)) || (await scopeOfSession(writer, sessionId)) !== undefined;
  return isKnown ? (await ensureSubject(writer, actor.realm, actor.userId)).subjectId : undefined;
}

const sessionRowSql = `
SELECT true AS found FROM session_ledger.session WHERE bucket = $1 AND session_id = $2`;

async function hasRow(executor: Executor, sessionId: string): Promise<boolean> {
  const values = [bucketOf(sessionId), sessionId];
  const statement = { name: 'session_ledger_session_row_v1', text: sessionRowSql, values };
  return (await inLedgerTerms(() => queryRows(executor, statement))).length > 0;
}
