import { SessionLedgerError, shownName } from '../errors.js';
import { ownCredentialIn } from '../session/own-credential.js';

// Where tokens belong; cursors, which are not kept; and user ids, which may be any text.
const mayHoldAnything = ['token', 'replaces', 'after', 'userId', 'userIds'];

/**
 * Refuses a session token or an API key where none belongs, in any member of what was sent: a realm, a case, a user agent
 * are kept for ever and shown to whoever asks.
 *
 * @throws SessionLedgerError `ERR_SENSITIVE_ATTRIBUTE` with the member's name; the secret is not repeated.
 */
export function refuseMisplacedSecrets(input: unknown, field = ''): void {
  if (typeof input === 'string') refuseSecret(input, field);
  if (typeof input !== 'object' || input === null) return;
  for (const [name, value] of Object.entries(input)) {
    if (mayHoldAnything.includes(name)) continue;
    refuseMisplacedSecrets(value, field === '' ? shownName(name) : `${field}.${shownName(name)}`);
  }
}

function refuseSecret(text: string, field: string): void {
  const credential = ownCredentialIn(text);
  if (credential === undefined) return;
  throw new SessionLedgerError(
    'ERR_SENSITIVE_ATTRIBUTE',
    `${field} looks like ${credential}, which does not belong there; the ledger keeps everything for ever`,
    { field },
  );
}
