import type { ClientBase } from 'pg';
import { SessionLedgerError } from '../errors.js';
import { roleName } from './role-names.js';
import { currentLogin, makeRoles, mayActAs } from './roles.js';

/** Who owns the ledger's schema, and what follows from it. */
export interface PreparedSchema {
  /** The role to migrate as: it owns every object of the ledger. */
  owner: string;
  /** Whether writer, reader and sealer are apart from the owner. */
  withRoles: boolean;
  warnings: string[];
}

/**
 * Makes the schema, owned by `<prefix>_owner`, or finds out who owns it. A schema that was once made without roles
 * stays without them: its grants were never given.
 */
export async function prepareSchema(client: ClientBase, prefix: string): Promise<PreparedSchema> {
  const found = await schemaOwner(client);
  if (found === undefined) return createSchema(client, prefix);
  const login = await currentLogin(client);
  const withRoles = found === roleName(prefix, 'owner');
  if (!(await mayActAs(client, login, found))) {
    throw new SessionLedgerError(
      'ERR_ROLES_FORBIDDEN',
      `the ledger belongs to the role ${found}, as which ${login} may not act; migrate with a login that may, or run GRANT ${found} TO ${client.escapeIdentifier(login)}`,
    );
  }
  if (withRoles) return { owner: found, withRoles, warnings: (await makeRoles(client, prefix)).warnings };
  await refuseOtherPrefix(client, found, prefix);
  return {
    owner: found,
    withRoles,
    warnings: [`the ledger belongs to ${found} and has no roles of its own: only triggers keep it append-only`],
  };
}

const schemaOwnerSql = `
SELECT pg_get_userbyid(nspowner)::text AS owner FROM pg_namespace WHERE nspname = 'session_ledger'`;

/** The role that owns the ledger's schema; undefined when nothing was migrated yet. */
export async function schemaOwner(client: ClientBase): Promise<string | undefined> {
  const { rows } = await client.query<{ owner: string }>(schemaOwnerSql);
  return rows[0]?.owner;
}

async function createSchema(client: ClientBase, prefix: string): Promise<PreparedSchema> {
  const { usable, warnings } = await makeRoles(client, prefix);
  const owner = usable ? roleName(prefix, 'owner') : await currentLogin(client);
  try {
    await client.query(`CREATE SCHEMA session_ledger AUTHORIZATION ${client.escapeIdentifier(owner)}`);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === '42501')) throw cause;
    const login = client.escapeIdentifier(await currentLogin(client));
    throw new SessionLedgerError(
      'ERR_ROLES_FORBIDDEN',
      `${login} may not create the schema session_ledger; run GRANT CREATE ON DATABASE for ${login}, or migrate with the database's owner`,
      { cause },
    );
  }
  return { owner, withRoles: usable, warnings };
}

/** Going on under another prefix would leave the ledger with roles nobody was told of. */
async function refuseOtherPrefix(client: ClientBase, owner: string, prefix: string): Promise<void> {
  const other = /^(.+)_owner$/.exec(owner)?.[1];
  if (other === undefined || !(await mayActAs(client, await currentLogin(client), `${other}_writer`))) return;
  throw new SessionLedgerError(
    'ERR_CONFIGURATION',
    `the roles of this ledger start with ${other}, not ${prefix}; set the role prefix to ${other}`,
    {
      field: 'rolePrefix',
    },
  );
}
