import { SessionLedgerError } from '../errors.js';

/** The parts a database role can play towards the ledger. */
export type LedgerRole = 'owner' | 'writer' | 'reader' | 'sealer';

export const ledgerRoles: readonly LedgerRole[] = ['owner', 'writer', 'reader', 'sealer'];

/** The prefix of the ledger's roles when the settings name none. */
export const defaultRolePrefix = 'session_ledger';

/** Leaves room for the longest suffix in the 63 bytes of a PostgreSQL name, and needs no quoting anywhere. */
const prefixPattern = /^[a-z_][a-z0-9_]{0,55}$/;

/**
 * The name of one of the ledger's database roles.
 *
 * @throws SessionLedgerError ERR_CONFIGURATION for a prefix that is no plain PostgreSQL name.
 * @example
 * roleName('session_ledger', 'writer'); // 'session_ledger_writer'
 */
export function roleName(prefix: string, role: LedgerRole): string {
  if (!prefixPattern.test(prefix) || prefix.startsWith('pg_')) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      `the role prefix ${JSON.stringify(prefix)} must be 1 to 56 lower-case letters, digits and underscores, and not start with a digit or pg_`,
      { field: 'rolePrefix' },
    );
  }
  return `${prefix}_${role}`;
}
