import type { ClientBase } from 'pg';
import { SessionLedgerError } from '../errors.js';
import { ledgerTypes } from './postgres-types.js';

/** What every connection to the ledger is held to. */
export interface ConnectionPins {
  /** The database role to act as; the login itself when undefined. */
  role: string | undefined;
  /** Milliseconds; 0 means no limit. */
  statementTimeoutMs: number;
  /** Milliseconds; 0 means no limit. */
  lockTimeoutMs: number;
  /** Milliseconds; 0 means no limit. A forgotten transaction would hold back the horizon for everybody. */
  idleInTransactionTimeoutMs: number;
}

/** Settings by their name in pg_settings, with the value as pg_settings shows it. */
function settingsOf(pins: ConnectionPins): Record<string, string> {
  return {
    TimeZone: 'UTC',
    DateStyle: 'ISO, MDY',
    bytea_output: 'hex',
    // Nobody but the ledger's owner creates objects there, so no unqualified name can be hijacked.
    search_path: 'session_ledger',
    default_transaction_isolation: 'read committed',
    statement_timeout: String(pins.statementTimeoutMs),
    lock_timeout: String(pins.lockTimeoutMs),
    idle_in_transaction_session_timeout: String(pins.idleInTransactionTimeoutMs),
  };
}

/** Milliseconds in which a new connection must answer what is asked of it before its first use: as long as connecting may take. */
export const preparationMs = 5_000;

/**
 * Pins a new connection before its first use, and checks that it holds what it was pinned to.
 *
 * The pins are set by a statement and not sent as start-up options, which poolers refuse or drop. They are checked in a
 * second round trip: behind a pooler that hands each transaction another connection of the server, they would hold in one
 * statement and not in the next, which may be somebody else's by then.
 *
 * @param more settings beside the pins.
 * @throws SessionLedgerError ERR_CONFIGURATION for a connection that does not hold them, or that somebody pinned before.
 * @example
 * await pinConnection(client, pins);
 */
export async function pinConnection(
  client: ClientBase,
  pins: ConnectionPins,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (await isPinnedAlready(client)) throw notKept('itself to one client of the pooler');
  // The role last: it may not be allowed to set the others.
  const settings = { ...settingsOf(pins), ...more, ...(pins.role === undefined ? {} : { role: pins.role }) };
  await setAll(client, { ...settings, [pinnedSetting]: 'yes' });
  await pinsHold(client, pins);
}

// Unknown to PostgreSQL, which keeps it for as long as the connection is one client's: DISCARD ALL, with which poolers
// clean a connection between two clients, forgets it.
const pinnedSetting = 'session_ledger.pinned';

const isPinnedSql = `
SELECT current_setting('${pinnedSetting}', true) = 'yes' AS pinned`;

async function isPinnedAlready(client: ClientBase): Promise<boolean> {
  const query = { text: isPinnedSql, query_timeout: preparationMs };
  const { rows } = await client.query<{ pinned: boolean | null }>(query);
  return rows[0]?.pinned === true;
}

// synchronous_commit is raised and not pinned: a server set to remote_apply must not be lowered to on.
const setAllSql = `
SELECT set_config(name, setting, false) FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS s(name, setting, place)
UNION ALL
SELECT set_config('synchronous_commit',
         CASE WHEN current_setting('synchronous_commit') = 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)`;

async function setAll(client: ClientBase, settings: Record<string, string>): Promise<void> {
  const values = [Object.keys(settings), Object.values(settings)];
  const query = { text: setAllSql, values, query_timeout: preparationMs };
  await client.query(query);
}

const readPinsSql = `
SELECT current_user AS role, current_setting('${pinnedSetting}', true) AS pinned,
       (SELECT jsonb_object_agg(name, setting) FROM pg_settings WHERE name = ANY ($1)) AS settings`;

interface FoundPins {
  role: string;
  pinned: string | null;
  settings: Record<string, string>;
}

/**
 * Checks that a connection holds every pin, instead of trusting it with the wrong role or time zone.
 *
 * @throws SessionLedgerError ERR_CONFIGURATION naming the settings that do not hold.
 */
export async function pinsHold(client: ClientBase, pins: ConnectionPins): Promise<void> {
  const expected = settingsOf(pins);
  const values = [Object.keys(expected)];
  const query = { text: readPinsSql, values, types: ledgerTypes, query_timeout: preparationMs };
  const { rows } = await client.query<FoundPins>(query);
  const { role, pinned, settings } = rows[0]!;
  const broken = Object.keys(expected).filter((name) => settings[name] !== expected[name]);
  if (pins.role !== undefined && role !== pins.role) broken.push('role');
  if (pinned !== 'yes') broken.push(pinnedSetting);
  if (broken.length > 0) throw notKept(broken.join(', '));
}

function notKept(what: string): SessionLedgerError {
  return new SessionLedgerError(
    'ERR_CONFIGURATION',
    `the database connection does not keep ${what}; connect to PostgreSQL itself, or to a pooler in session mode that resets connections between its clients (PgBouncer: pool_mode = session)`,
  );
}
