import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { explainedRows } from './explained-query.js';

const uuidPattern = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/**
 * Revokes a key: the next request with it is refused, on every instance.
 *
 * @returns whether it was live until now; a second revocation changes nothing.
 * @throws SessionLedgerError `ERR_NOT_FOUND` for an id that is no key's.
 */
export async function revokeApiKey(writer: DataSource, apiKeyId: string, revokedBy: string): Promise<boolean> {
  const known = uuidPattern.test(apiKeyId) ? await endApiKey(writer, apiKeyId, revokedBy) : undefined;
  if (known !== undefined) return known.revoked;
  throw new SessionLedgerError('ERR_NOT_FOUND', 'no API key has this id; "session-ledger api-key list" shows them', {
    field: 'apiKeyId',
  });
}

const endApiKeySql = `
WITH ended AS (
  UPDATE session_ledger.api_key SET revoked_at = session_ledger.ledger_clock(), revoked_by = $2
   WHERE api_key_id = $1 AND revoked_at IS NULL RETURNING api_key_id)
SELECT EXISTS (SELECT 1 FROM ended) AS revoked FROM session_ledger.api_key WHERE api_key_id = $1`;

async function endApiKey(writer: DataSource, id: string, revokedBy: string): Promise<{ revoked: boolean } | undefined> {
  const statement = { name: 'api_key_revoked', text: endApiKeySql, values: [id, revokedBy] };
  return (await explainedRows<{ revoked: boolean }>(writer, statement))[0];
}
