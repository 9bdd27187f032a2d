import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { explainedRows, explainedTransaction } from './explained-query.js';
import { apiKeyDigest, apiKeyRoles } from './api-key.js';

/** Where a database's first key comes from: made at its first start, or given in the environment. */
export type BootstrapSource = 'first start' | 'environment';

/** What became of a bootstrap key that was handed in. */
export type BootstrapOutcome = 'recorded' | 'known' | 'revoked' | 'another is recorded';

/**
 * Records the key with which a database is administered at first; it holds every role by name. A database takes one
 * key of a first start, from whichever of several instances comes first; a key from the environment takes the place of
 * the one that came from there before, which is revoked. A key that was ever revoked is never let in again.
 *
 * @throws SessionLedgerError `ERR_CONFIGURATION` for what cannot be a key.
 */
export async function recordBootstrapKey(
  writer: DataSource,
  key: string,
  source: BootstrapSource,
): Promise<BootstrapOutcome> {
  const keyDigest = apiKeyDigest(key);
  if (keyDigest === undefined)
    throw new SessionLedgerError('ERR_CONFIGURATION', 'an API key has 40 to 256 characters of A-Z a-z 0-9 _ and -');
  return explainedTransaction(writer, async (manager) => {
    await lockBootstrap(manager);
    const known = await findKnownKeys(manager, keyDigest, source);
    const same = known.find(({ isSame }) => isSame);
    if (same !== undefined) return same.isRevoked ? 'revoked' : 'known';
    if (source === 'first start' && known.length > 0) return 'another is recorded';
    if (source === 'environment') await revokeEarlierKeys(manager);
    await insertBootstrapKey(manager, keyDigest, source);
    return 'recorded';
  });
}

/** Whether a key of a first start was ever recorded in this database, by whichever instance. */
export async function hasFirstStartKey(writer: DataSource): Promise<boolean> {
  return (await findKnownKeys(writer.manager, Buffer.alloc(0), 'first start')).length > 0;
}

const lockBootstrapSql = `SELECT pg_advisory_xact_lock(hashtextextended('session_ledger.bootstrap_key', 0))`;

async function lockBootstrap(manager: EntityManager): Promise<void> {
  await explainedRows(manager, { name: 'bootstrap_lock', text: lockBootstrapSql, values: [] });
}

interface KnownKey {
  isSame: boolean;
  isRevoked: boolean;
}

const findKnownKeysSql = `
SELECT key_digest = $1 AS "isSame", revoked_at IS NOT NULL AS "isRevoked"
  FROM session_ledger.api_key WHERE key_digest = $1 OR created_by = $2`;

async function findKnownKeys(manager: EntityManager, keyDigest: Buffer, source: BootstrapSource): Promise<KnownKey[]> {
  const statement = { name: 'bootstrap_known', text: findKnownKeysSql, values: [keyDigest, source] };
  return explainedRows<KnownKey>(manager, statement);
}

const revokeEarlierKeysSql = `
UPDATE session_ledger.api_key SET revoked_at = session_ledger.ledger_clock(), revoked_by = 'environment'
 WHERE created_by = 'environment' AND revoked_at IS NULL`;

async function revokeEarlierKeys(manager: EntityManager): Promise<void> {
  await explainedRows(manager, { name: 'bootstrap_replaced', text: revokeEarlierKeysSql, values: [] });
}

const insertBootstrapKeySql = `
INSERT INTO session_ledger.api_key (api_key_id, name, key_digest, roles, created_by) VALUES ($1, 'admin', $2, $3, $4)`;

async function insertBootstrapKey(manager: EntityManager, keyDigest: Buffer, source: BootstrapSource): Promise<void> {
  const values = [randomUUID(), keyDigest, apiKeyRoles, source];
  await explainedRows(manager, { name: 'bootstrap_recorded', text: insertBootstrapKeySql, values });
}
