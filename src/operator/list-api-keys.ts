import type { DataSource } from 'typeorm';
import { explainedRows } from './explained-query.js';
import type { ApiKey } from './api-key.js';

/** A key in a list, revoked ones included: old questions name who asked, so their rows stay. */
export interface ListedApiKey extends ApiKey {
  readonly createdAt: string;
  readonly createdBy: string;
  /** Exact to the minute. */
  readonly lastUsedAt: string | null;
  readonly revokedAt: string | null;
  readonly revokedBy: string | null;
}

const listApiKeysSql = `
SELECT api_key_id AS "apiKeyId", name, roles, realm, applications, created_at AS "createdAt", created_by AS "createdBy",
       last_used_at AS "lastUsedAt", revoked_at AS "revokedAt", revoked_by AS "revokedBy"
  FROM session_ledger.api_key ORDER BY created_at DESC, api_key_id`;

/** Every key ever made, newest first. */
export async function listApiKeys(writer: DataSource): Promise<ListedApiKey[]> {
  return explainedRows<ListedApiKey>(writer, { name: 'api_keys', text: listApiKeysSql, values: [] });
}
