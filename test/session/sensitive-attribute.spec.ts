import fc from 'fast-check';
import { SessionLedgerError } from '../../src/errors.js';
import { checkedAcr, checkedAmr, checkedAttributeKeys, checkedAttributes } from '../../src/session/attributes.js';
import { isSensitiveKey, refuseSecrets } from '../../src/session/sensitive-attribute.js';
import { mintToken } from '../../src/token/session-token.js';

const keys = ['deviceId', 'authMethod', 'issuer', 'tenant'];

function refusal(call: () => unknown): { code: string; field: string | undefined; message: string } {
  try {
    call();
  } catch (failure) {
    const { code, field, message } = failure as SessionLedgerError;
    return { code, field, message };
  }
  throw new Error('nothing was refused');
}

describe('attributes of a session', () => {
  test.each([
    ['a card number', '4111111111111111'],
    ['a card number with spaces', '4111 1111 1111 1111'],
    ['a card number with hyphens', '5555-5555-5555-4444'],
    ['a card number with dots', '3782.822463.10005'],
    ['a card number of 13 digits', '4222222222222'],
    ['a card number of 19 digits', '6304000000000000000'.replace(/0$/, '0')],
    ['a card number among words', 'paid with 4012888888881881 on Monday'],
    ['a card number behind a date', '2026-03-04 4111 1111 1111 1111'],
    ['a card number in full-width digits', '４１１１１１１１１１１１１１１１'],
    ['a card number after letters', 'card4111111111111111'],
    ['a JSON web token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLWl0'],
    ['a bearer token', 'Bearer c2VjcmV0LXRva2Vu'],
    ['basic credentials', 'Basic YWxpY2U6aHVudGVyMg=='],
    ['a private key', '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE'.replace('\n', ' ')],
    ['a password with its name', 'password=hunter2'],
    ['a password with its name in other words', 'Passwd: hunter2'],
    ['a URL with a password', 'https://alice:hunter2@example.org/'],
    ["a session's token", mintToken(7, 1_772_590_440_000).token],
  ])('may not be %s', (_, value) => {
    const { code, field, message } = refusal(() => checkedAttributes({ deviceId: value }, keys));
    expect({ code, field }).toEqual({ code: 'ERR_SENSITIVE_ATTRIBUTE', field: 'attributes.deviceId' });
    expect(message).not.toContain(value);
  });

  test.each([
    ['a UUID', '12345678-1234-4123-8123-123456789012'],
    ['the UUID of zeros', '00000000-0000-0000-0000-000000000000'],
    ['a SHA-256 in hex', 'a3f5b1c2'.repeat(8)],
    ['a SHA-256 in base64url', 'x'.repeat(43)],
    ['an issuer', 'https://login.example.org/realms/main'],
    ['a number that is no card', '4111111111111112'],
    ['an instant', '2026-03-04T02:14:00.123456Z'],
    ['a telephone number', '+49 30 901820'],
    ['zeros', '0000000000000000'],
    ['words about passwords', 'password and one-time code'],
    ['a method', 'webauthn'],
  ])('may be %s', (_, value) => {
    expect(checkedAttributes({ deviceId: value }, keys)).toEqual({ deviceId: value });
  });

  test.each([
    'password',
    'Password',
    'user_password',
    'passwd',
    'pwd',
    'secret',
    'clientSecret',
    'token',
    'access-token',
    'pin',
    'cvv',
    'CVC',
    'ssn',
    'cardNumber',
    'card_number',
    'pan',
    'apiKey',
    'api_key',
    'privateKey',
    'authorization',
    'cookie',
    'iban',
    'credentials',
    'passphrase',
  ])('may not have the key %s, whatever its value', (key) => {
    expect(refusal(() => checkedAttributes({ [key]: 'x' }, [...keys, key])).code).toBe('ERR_SENSITIVE_ATTRIBUTE');
    expect(refusal(() => checkedAttributeKeys([key])).code).toBe('ERR_CONFIGURATION');
  });

  test.each([...keys, 'region', 'shipping', 'company', 'spinach', 'discard', 'panel', 'branch'])(
    'may have a key like %s where it is allowed',
    (key) => {
      expect(isSensitiveKey(key)).toBe(false);
    },
  );

  test('must have keys from the list, and texts of 1 to 255 characters without control characters', () => {
    for (const attributes of [
      { color: 'red' },
      { deviceId: '' },
      { deviceId: 'a'.repeat(256) },
      { deviceId: 'a\nb' },
      { deviceId: 7 },
      'text',
      ['x'],
      null,
    ]) {
      expect(refusal(() => checkedAttributes(attributes, keys)).code).toBe('ERR_INVALID_INPUT');
    }
    expect(checkedAttributes({ deviceId: '😀'.repeat(255) }, keys)).toBeDefined();
  });

  test('amr and acr are screened too', () => {
    expect(refusal(() => checkedAmr(['pwd', '4111111111111111'])).field).toBe('amr[1]');
    expect(refusal(() => checkedAcr('password=hunter2')).code).toBe('ERR_SENSITIVE_ATTRIBUTE');
    expect(refusal(() => checkedAmr(Array(17).fill('pwd'))).code).toBe('ERR_INVALID_INPUT');
    expect(checkedAmr(['pwd', 'otp', 'pin', 'hwk'])).toEqual(['pwd', 'otp', 'pin', 'hwk']);
  });

  test('every token that is minted is found out, and hardly any random device id is taken for a secret', () => {
    fc.assert(
      fc.property(fc.nat(63), fc.integer({ min: 1_600_000_000_000, max: 2_500_000_000_000 }), (bucket, at) => {
        expect(() => refuseSecrets(`session ${mintToken(bucket, at).token}`, 'note')).toThrow(SessionLedgerError);
      }),
    );
    fc.assert(
      fc.property(fc.uuid(), (id) => refuseSecrets(id, 'attributes.deviceId')),
      { numRuns: 2_000 },
    );
  });
});
