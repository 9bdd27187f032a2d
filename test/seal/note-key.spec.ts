import * as fc from 'fast-check';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import {
  ED25519_COSIGNATURE,
  formatVerifierKey,
  isKeyName,
  parseVerifierKey,
  verifierKey,
} from '../../src/seal/note-key.js';
import { SigningKey } from '../../src/seal/signing-key.js';

// The examples of C2SP signed-note, of Go's sumdb/note, and of a witness in public service.
const c2spVkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const goVkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const goSeed = 'gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=';
const witnessVkey = 'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2';
const vkeyWithPlusInBase64 = 'TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6';

const invalidInput = expect.objectContaining({ code: 'ERR_INVALID_INPUT' }) as Error;
const badConfiguration = expect.objectContaining({ code: 'ERR_CONFIGURATION' }) as Error;

describe('verifier keys', () => {
  it.each([c2spVkey, goVkey, witnessVkey, vkeyWithPlusInBase64])('%s is read and written unchanged', (vkey) => {
    expect(formatVerifierKey(parseVerifierKey(vkey))).toBe(vkey);
  });

  it('carry name, id and type', () => {
    expect(parseVerifierKey(c2spVkey)).toMatchObject({ name: 'example.com/foo', keyId: 0x530d903a, signatureType: 1 });
    expect(parseVerifierKey(witnessVkey)).toMatchObject({ keyId: 0xda77ade7, signatureType: ED25519_COSIGNATURE });
  });

  it('give one key two ids for its two signature types', () => {
    const { name, publicKeyBytes, keyId } = parseVerifierKey(c2spVkey);
    expect(verifierKey(name, publicKeyBytes, ED25519_COSIGNATURE).keyId).not.toBe(keyId);
  });

  it.each([
    ['has no plus', 'example.com/foo'],
    ['has one plus', 'example.com/foo+530d903a'],
    ['has no name', c2spVkey.replace('example.com/foo', '')],
    ['has a space in its name', c2spVkey.replace('/', ' ')],
    ['has an id in capitals', c2spVkey.replace('530d903a', '530D903A')],
    ['has a short id', c2spVkey.replace('530d903a', '530d903')],
    ['has the id of another key', c2spVkey.replace('530d903a', '530d903b')],
    ['has the id of another name', c2spVkey.replace('foo', 'bar')],
    ['has a key of 31 bytes', `example.com/foo+530d903a+${Buffer.alloc(32, 1).toString('base64')}`],
    ['has no key', 'example.com/foo+530d903a+'],
    ['has Base64 with foreign characters', `${c2spVkey}=`],
    ['has Base64 of the URL alphabet', vkeyWithPlusInBase64.replace('+FTV', '-FTV')],
    ['has an unknown type', `example.com/foo+530d903a+${Buffer.alloc(33, 2).toString('base64')}`],
    ['ends in a line break', `${c2spVkey}\n`],
  ])('are refused when one %s', (_, vkey) => {
    expect(() => parseVerifierKey(vkey)).toThrow(invalidInput);
  });

  it('have names without Unicode spaces, plus and control characters', () => {
    for (const name of ['example.com/log', 'Größe', '日誌', '\ufeffx']) expect(isKeyName(name)).toBe(true);
    const forbidden = [
      '',
      ' ',
      'a b',
      'a\u00a0b',
      'a\u0085b',
      'a\u2003b',
      'a\u3000b',
      'a+b',
      'a\u0001b',
      'a\nb',
      '\ud800',
    ];
    for (const name of forbidden) expect(isKeyName(name)).toBe(false);
  });
});

describe('signing keys', () => {
  it("have the verifier key that Go's note package derives from the same seed", () => {
    expect(SigningKey.fromSeed('PeterNeumann', goSeed).vkey).toBe(goVkey);
  });

  it('come back from their PEM as the same key, signing the same bytes', async () => {
    const key = SigningKey.generate('example.com/log');
    const again = SigningKey.fromPem('example.com/log', key.toPem());
    expect(again.vkey).toBe(key.vkey);
    expect(await again.sign(Buffer.from('text'))).toEqual(await key.sign(Buffer.from('text')));
    expect(createPrivateKey(key.toPem()).asymmetricKeyType).toBe('ed25519');
  });

  it('are different each time one is generated', () => {
    expect(SigningKey.generate('a').vkey).not.toBe(SigningKey.generate('a').vkey);
  });

  it('are refused from anything but an Ed25519 private key', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs8' });
    const publicPem = generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' });
    for (const pem of [rsa, publicPem, 'no key', ''])
      expect(() => SigningKey.fromPem('a', String(pem))).toThrow(badConfiguration);
    for (const seed of ['', goSeed.slice(1), `${goSeed}\n`, Buffer.alloc(33).toString('base64')]) {
      expect(() => SigningKey.fromSeed('a', seed)).toThrow(badConfiguration);
    }
    expect(() => SigningKey.generate('a b')).toThrow(invalidInput);
  });

  it('do not show the private key when printed or turned into JSON', () => {
    const key = SigningKey.fromSeed('PeterNeumann', goSeed);
    const secret = createPrivateKey(key.toPem()).export({ format: 'jwk' }).d ?? 'absent';
    expect(secret).toHaveLength(43);
    expect(JSON.stringify(key)).not.toContain(secret);
    expect(Object.values(key)).toEqual([key.verifierKey]);
  });

  it('make verifier keys that survive encoding, whatever the name', () => {
    const names = fc.string({ unit: 'grapheme', minLength: 1 }).filter(isKeyName);
    fc.assert(
      fc.property(names, fc.uint8Array({ minLength: 32, maxLength: 32 }), (name, seed) => {
        const key = SigningKey.fromSeed(name, Buffer.from(seed).toString('base64'));
        expect(formatVerifierKey(parseVerifierKey(key.vkey))).toBe(key.vkey);
        expect(parseVerifierKey(key.vkey).publicKeyBytes).toEqual(key.verifierKey.publicKeyBytes);
      }),
    );
  });
});
