import { SessionLedgerError } from '../errors.js';

/** Reasons that this package gives a meaning of its own. */
type KnownReason =
  | 'logout'
  | 'admin'
  | 'password_changed'
  | 'account_disabled'
  | 'replaced'
  | 'concurrency'
  | 'risk'
  | 'restored'
  | 'undelivered'
  | 'policy';

/**
 * Why a session was revoked: one of the codes known here, or a code of one's own (lower-case letters, digits and
 * underscores, at most 40, a letter first). Free text goes into a note, which can be erased; a reason cannot.
 *
 * @example
 * const reason: RevokeReason = 'password_changed';
 */
export type RevokeReason = KnownReason | (string & Record<never, never>);

const codePattern = /^[a-z][a-z0-9_]{0,39}$/;
/** Only a session that lapsed by itself ends for these. */
const reserved = ['idle', 'absolute'];

/**
 * Checks the reason of a revocation.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT
 */
export function checkedReason(reason: unknown): RevokeReason {
  if (typeof reason !== 'string' || !codePattern.test(reason)) {
    throw refused(
      'must be a code such as logout or password_changed: lower-case letters, digits and underscores, at most 40',
    );
  }
  if (reserved.includes(reason)) throw refused(`must not be ${reason}: that is how sessions expire by themselves`);
  return reason;
}

function refused(what: string): SessionLedgerError {
  return new SessionLedgerError('ERR_INVALID_INPUT', `reason ${what}`, { field: 'reason' });
}
