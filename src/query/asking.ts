import { SessionLedgerError } from '../errors.js';
import { checkedName } from '../ledger/user-id.js';

/** Who asks, why, and of what they may hear. Every question is recorded with it before it is answered. */
export interface Asking {
  /** A key, a person, a program: 1 to 255 characters are kept. */
  askedBy: string;
  /** Why: a reference of the asker's own, 1 to 255 characters. */
  caseId?: string;
  /** The only realm the asker may hear of; every realm when omitted. */
  realm?: string;
  /** The only applications the asker may hear of; every application when omitted. */
  applications?: readonly string[];
}

/** Whose sessions a question is about, after what the asker may hear of is taken into account. */
export interface Scope {
  readonly realm: string;
  /** Null: every application. */
  readonly applications: readonly string[] | null;
}

/**
 * The scope of a question: what it asks for, within what the asker may hear of.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT for a name that is none; ERR_FORBIDDEN for one outside the asker's bounds.
 * @example
 * scopeOf({ askedBy: 'ann', applications: ['web'] }, {}, 'default'); // { realm: 'default', applications: ['web'] }
 */
export function scopeOf(asking: Asking, asked: { realm?: string; application?: string }, defaultRealm: string): Scope {
  const realm = checkedName(asked.realm ?? asking.realm ?? defaultRealm, 'realm');
  if (asking.realm !== undefined && realm !== asking.realm) throw outOfBounds('realm');
  if (asked.application === undefined) return { realm, applications: asking.applications ?? null };
  const application = checkedName(asked.application, 'application');
  if (asking.applications !== undefined && !asking.applications.includes(application)) throw outOfBounds('application');
  return { realm, applications: [application] };
}

function outOfBounds(field: string): SessionLedgerError {
  return new SessionLedgerError('ERR_FORBIDDEN', `${field} is outside of what you may ask about`, { field });
}
