import { checkedName, checkedUserId } from '../ledger/user-id.js';
import { canonicalClient } from './client.js';
import type { SessionActor } from './live-session.js';
import { noteOf } from './note.js';
import { checkedReason } from './reasons.js';
import type { CheckedRevocation, RevokeInput } from './revoke.js';

/** A revocation whose input was checked, before anybody was looked up or recorded for it. */
export interface AskedRevocation extends Omit<CheckedRevocation, 'actorId'> {
  readonly actor: SessionActor | null;
}

/**
 * Checks the input of a revocation.
 *
 * @param realm of an actor that names none.
 * @throws SessionLedgerError ERR_INVALID_INPUT, ERR_INVALID_USER_ID, ERR_SENSITIVE_ATTRIBUTE, each naming the field.
 */
export function askedRevocation(input: RevokeInput, realm: string, recordedBy: string): AskedRevocation {
  return {
    reason: checkedReason(input.reason),
    note: noteOf(input.note),
    client: canonicalClient(input.client),
    actor: input.actor === undefined ? null : actorOf(input.actor, realm),
    recordedBy,
  };
}

function actorOf(actor: NonNullable<RevokeInput['actor']>, realm: string): SessionActor {
  return {
    userId: checkedUserId(actor.userId, 'actor.userId'),
    realm: checkedName(actor.realm ?? realm, 'actor.realm'),
  };
}
