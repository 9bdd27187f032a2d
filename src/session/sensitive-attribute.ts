import { SessionLedgerError } from '../errors.js';
import { ownCredentialIn } from './own-credential.js';

/*
 * A ledger forgets nothing, so what must not be kept is refused at the door: passwords, card numbers (PCI DSS 4.0.1
 * 3.3.1), tokens and private keys (OWASP ASVS 5.0 16.2.5). Refused, not masked: an application that sends a secret has
 * a fault that its developers should see.
 */

const sensitiveKey =
  /pass(word|wd|code|phrase)|pwd|secret|token|credential|cvv|cvc|^pin$|pin(code|number)|ssn|socialsecurity|card(number|no$)|^card$|^pan$|creditcard|iban|apikey|privatekey|authorization|cookie/;
const assignedSecret = /\b(password|passwd|passphrase|pwd|secret|api[_-]?key|token|cvv|cvc|ssn)\b\s*[:=]\s*\S/i;
const bearerCredential = /\b(bearer|basic)\s+[A-Za-z0-9._~+/-]{12,}=*/i;
const jsonWebToken = /\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*){1,3}/;
const privateKey = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;
const credentialsInUrl = /:\/\/[^\s/:@]+:[^\s/@]+@/;
const uuid = /\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi;
const hexDigest = /\b(?=[0-9a-f]*[a-f])[0-9a-f]{24,}\b/gi;
const digitRun = /\d(?:[\s./_\u2010-\u2015-]?\d){12,}/g;

/**
 * Refuses a text that looks like a secret.
 *
 * @param field the input that the error is to blame. The error never repeats the text.
 * @throws SessionLedgerError ERR_SENSITIVE_ATTRIBUTE
 * @example
 * refuseSecrets('4111 1111 1111 1111', 'attributes.deviceId'); // throws
 */
export function refuseSecrets(text: string, field: string): void {
  const what = secretIn(text);
  if (what !== undefined) {
    throw new SessionLedgerError(
      'ERR_SENSITIVE_ATTRIBUTE',
      `${field} looks like ${what}; the ledger keeps everything for ever, so send no secrets to it`,
      { field },
    );
  }
}

/** Whether a key's name says that its value is a secret, such as `password`, `apiToken`, `card_number`. */
export function isSensitiveKey(key: string): boolean {
  return sensitiveKey.test(key.toLowerCase().replaceAll(/[\s._-]/g, ''));
}

function secretIn(text: string): string | undefined {
  if (privateKey.test(text)) return 'a private key';
  if (jsonWebToken.test(text)) return 'a JSON web token';
  if (bearerCredential.test(text) || credentialsInUrl.test(text)) return 'a credential';
  if (assignedSecret.test(text)) return 'a password or other secret with its name';
  return ownCredentialIn(text) ?? (hasCardNumber(text) ? 'a card number' : undefined);
}

function hasCardNumber(text: string): boolean {
  // One number in ten passes Luhn by chance, so identifiers that are no numbers are set aside first.
  const plain = text.normalize('NFKC').replace(uuid, ' x ').replace(hexDigest, ' x ');
  return (plain.match(digitRun) ?? []).some((run) => hasCardNumberAmong(run.split(/\D/)));
}

/** Card numbers have 13 to 19 digits (ISO/IEC 7812-1), in one group or several; other numbers may stand beside them. */
function hasCardNumberAmong(groups: string[]): boolean {
  for (let first = 0; first < groups.length; first += 1) {
    let digits = '';
    for (let last = first; last < groups.length && digits.length < 19; last += 1) {
      digits += groups[last];
      if (digits.length >= 13 && digits.length <= 19 && passesLuhn(digits)) return true;
    }
  }
  return false;
}

/** The check digit of ISO/IEC 7812-1, annex B. Zeros alone pass it and are no card. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits[digits.length - 1 - place]);
    const doubled = place % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum > 0 && sum % 10 === 0;
}
