import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { explainedRows } from './explained-query.js';
import { apiKeyRoles, mintApiKey, type ApiKeyRole } from './api-key.js';

/** What a new key is for. Without `realm` and `applications` it speaks of any. */
export interface NewApiKey {
  readonly name: string;
  readonly roles: readonly ApiKeyRole[];
  readonly realm?: string | undefined;
  readonly applications?: readonly string[] | undefined;
  readonly createdBy: string;
}

/**
 * Makes a key. Its text is in the answer and nowhere else.
 *
 * @throws SessionLedgerError `ERR_INVALID_INPUT` naming the field.
 * @example
 * const { key } = await createApiKey(writer, { name: 'fraud desk', roles: ['analyst'], createdBy: 'os:erin' });
 */
export async function createApiKey(writer: DataSource, input: NewApiKey): Promise<{ apiKeyId: string; key: string }> {
  refuseWhatIsNoName('name', input.name, 100);
  if (input.realm !== undefined) refuseWhatIsNoName('realm', input.realm, 255);
  for (const application of input.applications ?? []) refuseWhatIsNoName('application', application, 255);
  if (input.roles.length === 0)
    throw new SessionLedgerError('ERR_INVALID_INPUT', `a key needs a role: ${apiKeyRoles.join(', ')}`, {
      field: 'role',
    });
  const { apiKeyId, key, keyDigest } = mintApiKey();
  await insertApiKey(writer, apiKeyId, keyDigest, input);
  return { apiKeyId, key };
}

/** Names stand in questions and events, where a line break or an empty name would mislead whoever reads them. */
function refuseWhatIsNoName(field: string, text: string, longest: number): void {
  if (text !== '' && [...text].length <= longest && !/[\p{Cc}\p{Cs}]/u.test(text)) return;
  throw new SessionLedgerError(
    'ERR_INVALID_INPUT',
    `${field} must have 1 to ${longest} characters and no control characters`,
    { field },
  );
}

const insertApiKeySql = `
INSERT INTO session_ledger.api_key (api_key_id, name, key_digest, roles, realm, applications, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)`;

async function insertApiKey(writer: DataSource, apiKeyId: string, keyDigest: Buffer, input: NewApiKey): Promise<void> {
  const { name, roles, realm, applications, createdBy } = input;
  const values = [apiKeyId, name, keyDigest, roles, realm ?? null, applications ?? null, createdBy];
  await explainedRows(writer, { name: 'api_key_made', text: insertApiKeySql, values });
}
