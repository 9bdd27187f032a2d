import type { ClientBase } from 'pg';
import { ledgerRoles, roleName } from './role-names.js';

/** What came of making the ledger's roles. */
export interface RolesMade {
  /** The roles exist, and the login may act as each of them. */
  usable: boolean;
  /** What an administrator has to do, when they are not. */
  warnings: string[];
}

const alreadyThere = new Set(['42710', '23505']); // duplicate_object; unique_violation when two CREATE ROLE race
const lostRace = 'XX000'; // "tuple concurrently updated": two GRANTs of one role at once
const forbidden = '42501'; // insufficient_privilege
const raceRetries = 20;

/**
 * Makes the roles `<prefix>_owner`, `_writer`, `_reader` and `_sealer` (NOLOGIN) and lets the login act as each of
 * them. Roles belong to the whole cluster: another migration, of another database, may be making them right now.
 *
 * From PostgreSQL 16 on, whoever makes a role may grant it but is no member of it; on 15, CREATEROLE may grant any
 * role. Granting to oneself works on both.
 */
export async function makeRoles(client: ClientBase, prefix: string): Promise<RolesMade> {
  const names = ledgerRoles.map((role) => roleName(prefix, role));
  try {
    for (const name of names) await makeRole(client, name);
    for (const name of names) await letActAs(client, name, await currentLogin(client));
    return { usable: true, warnings: [] };
  } catch (failure) {
    if (stateOf(failure) !== forbidden) throw failure;
    const login = client.escapeIdentifier(await currentLogin(client));
    return {
      usable: false,
      warnings: [
        `the login ${login} may not make or use the roles ${names.join(', ')}. Without them the application's login owns the ledger, and only triggers keep it append-only. ` +
          `Ask an administrator to run: ${names.map((name) => `CREATE ROLE ${name} NOLOGIN;`).join(' ')} GRANT ${names.join(', ')} TO ${login}; or choose a role prefix of your own.`,
      ],
    };
  }
}

/** Lets a login act as writer, reader and sealer, never as owner: the login of a service whose migrations another login runs. */
export async function letServe(client: ClientBase, prefix: string, login: string): Promise<void> {
  await letActAs(client, roleName(prefix, 'writer'), login);
  await letActAs(client, roleName(prefix, 'reader'), login);
  await letActAs(client, roleName(prefix, 'sealer'), login);
}

const mayActAsSql = `
SELECT pg_has_role($1, oid, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS may
  FROM pg_roles WHERE rolname = $2`;

/** Whether a login may `SET ROLE` to a role; false when there is no such role. */
export async function mayActAs(client: ClientBase, login: string, role: string): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(mayActAsSql, [login, role]);
  return rows[0]?.may ?? false;
}

const sessionUserSql = `
SELECT session_user::text AS login`;

/** The login of a connection, whatever role it acts as. */
export async function currentLogin(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ login: string }>(sessionUserSql);
  return rows[0]!.login;
}

const roleExistsSql = `
SELECT 1 FROM pg_roles WHERE rolname = $1`;

async function makeRole(client: ClientBase, name: string): Promise<void> {
  const { rowCount } = await client.query(roleExistsSql, [name]);
  if (rowCount === 1) return;
  try {
    await client.query(`CREATE ROLE ${name} NOLOGIN`);
  } catch (failure) {
    if (!alreadyThere.has(stateOf(failure) ?? '')) throw failure;
  }
}

async function letActAs(client: ClientBase, role: string, login: string): Promise<void> {
  for (let tried = 1; !(await mayActAs(client, login, role)); tried += 1) {
    try {
      await client.query(`GRANT ${role} TO ${client.escapeIdentifier(login)}`);
    } catch (failure) {
      const raced = stateOf(failure) === lostRace || alreadyThere.has(stateOf(failure) ?? '');
      if (!raced || tried === raceRetries) throw failure;
    }
  }
}

function stateOf(failure: unknown): string | undefined {
  return failure instanceof Error && 'code' in failure && typeof failure.code === 'string' ? failure.code : undefined;
}
