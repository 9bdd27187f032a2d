import { SessionLedgerError, shownName } from '../errors.js';
import { isSensitiveKey, refuseSecrets } from './sensitive-attribute.js';

/** The keys that attributes may have where the options name none. */
export const defaultAttributeKeys: readonly string[] = ['deviceId', 'authMethod', 'issuer', 'tenant'];

const longest = 255;

/**
 * Checks the extra facts of an opening: keys from a short list, values of at most 255 characters, no secrets.
 *
 * @throws SessionLedgerError ERR_SENSITIVE_ATTRIBUTE for a secret, by its value or its key's name; ERR_INVALID_INPUT
 * for a key that is not on the list and for a value that is no short text.
 */
export function checkedAttributes(attributes: unknown, allowedKeys: readonly string[]): Record<string, string> {
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    throw invalid('attributes', 'must be an object of texts');
  }
  for (const [key, value] of Object.entries(attributes)) {
    const field = `attributes.${shownName(key)}`;
    refuseSensitiveKey(key, field);
    if (!allowedKeys.includes(key)) throw invalid(field, `is not among the keys allowed: ${allowedKeys.join(', ')}`);
    checkShortText(value, field, longest);
  }
  return attributes as Record<string, string>;
}

/**
 * Checks the keys that the options allow.
 *
 * @throws SessionLedgerError ERR_CONFIGURATION for a key whose name says that its values are secrets.
 */
export function checkedAttributeKeys(keys: readonly string[] | undefined): readonly string[] {
  const sensitive = keys?.find(isSensitiveKey);
  if (sensitive !== undefined) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      `attributeKeys must not hold ${sensitive}, which names a secret`,
      {
        field: 'attributeKeys',
      },
    );
  }
  return keys ?? defaultAttributeKeys;
}

/** Authentication methods (RFC 8176 registers some): at most 16 of 1 to 64 characters. */
export function checkedAmr(amr: unknown): string[] {
  if (amr === undefined) return [];
  if (!Array.isArray(amr) || amr.length > 16) throw invalid('amr', 'must be a list of at most 16 texts');
  amr.forEach((method, place) => checkShortText(method, `amr[${place}]`, 64));
  return amr as string[];
}

/** An authentication context class: 1 to 255 characters. */
export function checkedAcr(acr: unknown): string | null {
  if (acr === undefined || acr === null) return null;
  checkShortText(acr, 'acr', longest);
  return acr as string;
}

function refuseSensitiveKey(key: string, field: string): void {
  if (isSensitiveKey(key)) {
    throw new SessionLedgerError(
      'ERR_SENSITIVE_ATTRIBUTE',
      `${field} is named like a secret; the ledger keeps everything for ever, so send no secrets to it`,
      { field },
    );
  }
}

function checkShortText(value: unknown, field: string, max: number): void {
  if (typeof value !== 'string' || value === '' || (value.length > max && [...value].length > max)) {
    throw invalid(field, `must be a text of 1 to ${max} characters`);
  }
  if (/\p{Cs}|\p{Cc}/u.test(value)) throw invalid(field, 'must be Unicode text without control characters');
  refuseSecrets(value, field);
}

function invalid(field: string, what: string): SessionLedgerError {
  return new SessionLedgerError('ERR_INVALID_INPUT', `${field} ${what}`, { field });
}
