import * as fc from 'fast-check';
import { cosignedMessage } from '../../src/seal/cosignature.js';
import { ED25519_COSIGNATURE, parseVerifierKey, verifierKey, type VerifierKey } from '../../src/seal/note-key.js';
import { openNote, parseNote, signNote, type NoteSigner } from '../../src/seal/signed-note.js';
import { SigningKey } from '../../src/seal/signing-key.js';

// The example of C2SP signed-note.
const c2spKey = parseVerifierKey('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k');
const c2spNote =
  'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';

// The example of Go's sumdb/note: signing is deterministic, so the note is reproduced byte for byte.
const goText = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const goSignatureLine =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const goKey = SigningKey.fromSeed('PeterNeumann', 'gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=');

const alice = SigningKey.generate('alice.example');
const bob = SigningKey.generate('bob.example');

const rejected = expect.objectContaining({ code: 'ERR_EVIDENCE_REJECTED' }) as Error;
const malformed = expect.objectContaining({ code: 'ERR_EVIDENCE_MALFORMED' }) as Error;
const invalidInput = expect.objectContaining({ code: 'ERR_INVALID_INPUT' }) as Error;

/** The note with one bit of its last signature changed. */
function withForgedSignature(note: string): string {
  const place = note.length - 10;
  return `${note.slice(0, place)}${note[place] === 'A' ? 'B' : 'A'}${note.slice(place + 1)}`;
}

function linesOf(note: string): string {
  return note.slice(note.lastIndexOf('\n\n') + 2);
}

/** A witness made of an ordinary key: cosignatures of type 4 at a fixed time. */
function witness(key: SigningKey, posixSeconds: bigint): NoteSigner {
  const { name, publicKeyBytes } = key.verifierKey;
  return {
    verifierKey: verifierKey(name, publicKeyBytes, ED25519_COSIGNATURE),
    async sign(text) {
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(posixSeconds);
      return Buffer.concat([time, await key.sign(cosignedMessage(Buffer.from(text).toString(), posixSeconds))]);
    },
  };
}

describe('signed notes', () => {
  it('of the C2SP example open with its verifier key', () => {
    const { text, signatures } = openNote(c2spNote, [c2spKey]);
    expect(text).toBe('This is an example message.\n');
    expect(signatures).toEqual([{ key: c2spKey, cosignedAtPosixSeconds: null }]);
    expect(openNote(Buffer.from(c2spNote), [c2spKey]).text).toBe(text);
  });

  it("are signed byte for byte as Go's note package signs them", async () => {
    expect(await signNote(goText, [goKey])).toBe(`${goText}\n${goSignatureLine}`);
  });

  it('open with whatever text they carry, empty lines and byte order marks included', async () => {
    const texts = fc.array(
      fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll(/[\u0000-\u001f]/gu, '')),
      { minLength: 1 },
    );
    await fc.assert(
      fc.asyncProperty(texts, async (lines) => {
        const text = `${lines.join('\n')}\n`;
        const note = await signNote(text, [alice, bob]);
        expect(openNote(note, [alice.verifierKey, bob.verifierKey])).toEqual({
          text,
          signatures: [alice, bob].map((key) => ({ key: key.verifierKey, cosignedAtPosixSeconds: null })),
        });
        expect(openNote(Buffer.from(note), [bob.verifierKey]).text).toBe(text);
      }),
    );
    const marked = await signNote('\ufefftext\n', [alice]);
    expect(openNote(Buffer.from(marked), [alice.verifierKey]).text).toBe('\ufefftext\n');
  });

  it('are rejected when any one character of the text is changed', async () => {
    const note = await signNote('twelve\nlive sessions\n', [alice]);
    for (let place = 0; place < 'twelve\nlive sessions'.length; place += 1) {
      const changed = `${note.slice(0, place)}#${note.slice(place + 1)}`;
      expect(() => openNote(changed, [alice.verifierKey])).toThrow(rejected);
    }
  });

  it('are rejected when no known key has signed', async () => {
    const note = await signNote('text\n', [alice]);
    expect(() => openNote(note, [bob.verifierKey])).toThrow(rejected);
    expect(() => openNote(note, [])).toThrow(rejected);
  });

  it('ignore signatures of unknown keys, even one that shares the name or the id of a known key', async () => {
    const note = await signNote('text\n', [alice]);
    const sameName = SigningKey.generate('alice.example');
    const sameId: NoteSigner = {
      verifierKey: { ...bob.verifierKey, keyId: alice.verifierKey.keyId },
      sign: (text) => bob.sign(text),
    };
    const others = await signNote('other text\n', [bob, sameName, sameId]);
    const { signatures } = openNote(`text\n\n${linesOf(others)}${linesOf(note)}`, [alice.verifierKey]);
    expect(signatures.map(({ key }) => key)).toEqual([alice.verifierKey]);
  });

  it('are rejected as a whole when a known key has a signature that does not hold', async () => {
    const note = await signNote('text\n', [alice]);
    const forged = withForgedSignature(await signNote('text\n', [bob]));
    expect(() => openNote(`${note}${linesOf(forged)}`, [alice.verifierKey, bob.verifierKey])).toThrow(rejected);
    expect(openNote(`${note}${linesOf(forged)}`, [alice.verifierKey]).signatures).toHaveLength(1);
    expect(() => openNote(`${note}${linesOf(withForgedSignature(note))}`, [alice.verifierKey])).toThrow(rejected);
  });

  it('name a key once that signed twice', async () => {
    const note = await signNote('text\n', [alice]);
    expect(openNote(`${note}${linesOf(note)}`, [alice.verifierKey]).signatures).toHaveLength(1);
  });

  it('open with 16 and with 100 signatures, and are refused with 101 or a million characters', async () => {
    const keys = Array.from({ length: 99 }, (_, index) => SigningKey.generate(`key${index}`));
    for (const count of [15, 99]) {
      const note = await signNote('text\n', [...keys.slice(0, count), alice]);
      expect(openNote(note, [alice.verifierKey]).signatures).toHaveLength(1);
    }
    const tooMany = await signNote('text\n', [...keys, alice, bob]);
    expect(() => openNote(tooMany, [alice.verifierKey])).toThrow(malformed);
    const tooLong = await signNote(`${'x'.repeat(1_000_000)}\n`, [alice]);
    expect(() => openNote(tooLong, [alice.verifierKey])).toThrow(malformed);
  });

  it.each([
    ['nothing', ''],
    ['no blank line', c2spNote.replace('\n\n', '\n')],
    ['no signatures', 'text\n\n'],
    ['no line break at the end', c2spNote.slice(0, -1)],
    ['a hyphen for the dash', c2spNote.replace('—', '-')],
    ['no space after the dash', c2spNote.replace('— ', '—')],
    ['a signature line without a name', c2spNote.replace('example.com/foo ', '')],
    ['a signature without a key name', c2spNote.replace('example.com/foo', '')],
    ['a plus in a key name', c2spNote.replace('/foo', '+foo')],
    ['a Unicode space in a key name', c2spNote.replace('/foo', '\u2003foo')],
    ['a signature of four bytes', 'text\n\n— name AAAAAA==\n'],
    ['a signature in Base64 without padding', c2spNote.replace('aQM=', 'aQM')],
    ['bits set in the padding', c2spNote.replace('aQM=', 'aQN=')],
    ['a space behind a signature', c2spNote.replace('aQM=', 'aQM= ')],
    ['a carriage return', c2spNote.replaceAll('\n', '\r\n')],
    ['a tab in the text', c2spNote.replace(' is ', '\t')],
    ['a zero byte', c2spNote.replace('.', '\u0000')],
    ['a lone surrogate', c2spNote.replace('.', '\udc00')],
    ['something behind the signatures', `${c2spNote}text\n`],
  ])('are malformed with %s', (_, note) => {
    expect(() => openNote(note, [c2spKey])).toThrow(malformed);
  });

  it('are malformed when their bytes are not UTF-8', () => {
    const bytes = Buffer.from(c2spNote);
    bytes[2] = 0xff;
    expect(() => parseNote(bytes)).toThrow(malformed);
  });

  it('are not made of a text that no note can carry, nor without a signer', async () => {
    for (const text of ['', 'no line break', 'a\ttab\n', '\ud800\n']) {
      await expect(signNote(text, [alice])).rejects.toMatchObject({ code: 'ERR_INVALID_INPUT' });
    }
    await expect(signNote('text\n', [])).rejects.toMatchObject({ code: 'ERR_INVALID_INPUT' });
  });

  it('are not opened with two known keys that cannot be told apart', () => {
    const twin: VerifierKey = { ...alice.verifierKey };
    expect(() => openNote(c2spNote, [c2spKey, alice.verifierKey, twin])).toThrow(invalidInput);
  });
});

describe('cosignatures', () => {
  const text = 'example.com/log\n5\nqINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=\n';

  it('tell the time that the witness signed', async () => {
    const signer = witness(bob, 1679315147n);
    const { signatures } = openNote(await signNote(text, [alice, signer]), [alice.verifierKey, signer.verifierKey]);
    expect(signatures.map((signature) => signature.cosignedAtPosixSeconds)).toEqual([null, 1679315147n]);
  });

  it('sign the header, the time in decimal and the whole text', () => {
    expect(cosignedMessage(text, 1679315147n).toString()).toBe(`cosignature/v1\ntime 1679315147\n${text}`);
  });

  it('are rejected when time or text is another than signed', async () => {
    const signer = witness(bob, 1679315147n);
    const note = await signNote(text, [signer]);
    expect(() => openNote(note.replace('\n5\n', '\n6\n'), [signer.verifierKey])).toThrow(rejected);
    const late: NoteSigner = {
      ...signer,
      async sign(message) {
        const signature = Buffer.from(await signer.sign(message));
        signature.writeBigUInt64BE(1679315148n);
        return signature;
      },
    };
    const redated = await signNote(text, [late]);
    expect(() => openNote(redated, [signer.verifierKey])).toThrow(rejected);
  });

  it('hold up to the last time that the format allows, and not beyond', async () => {
    const last = witness(bob, 2n ** 63n - 1n);
    const opened = openNote(await signNote(text, [last]), [last.verifierKey]);
    expect(opened.signatures[0]?.cosignedAtPosixSeconds).toBe(2n ** 63n - 1n);
    const beyond = witness(bob, 2n ** 63n);
    const note = await signNote(text, [beyond]);
    expect(() => openNote(note, [beyond.verifierKey])).toThrow(rejected);
  });

  it('are rejected when they are shorter or longer than time and signature', async () => {
    const signer = witness(bob, 1679315147n);
    for (const bytes of [1, 7, 8, 71, 73]) {
      const cut: NoteSigner = {
        ...signer,
        sign: async (message) => Buffer.concat([await signer.sign(message), Buffer.of(0)]).subarray(0, bytes),
      };
      const note = await signNote(text, [cut]);
      expect(() => openNote(note, [signer.verifierKey])).toThrow(rejected);
    }
  });

  it('never pass as plain signatures, nor plain signatures as cosignatures', async () => {
    const cosigner = witness(bob, 1679315147n);
    const plainUnderWitness: NoteSigner = { verifierKey: cosigner.verifierKey, sign: (message) => bob.sign(message) };
    const cosignedUnderPlain: NoteSigner = { verifierKey: bob.verifierKey, sign: (message) => cosigner.sign(message) };
    const plain = await signNote(text, [plainUnderWitness]);
    const cosigned = await signNote(text, [cosignedUnderPlain]);
    expect(() => openNote(plain, [cosigner.verifierKey])).toThrow(rejected);
    expect(() => openNote(cosigned, [bob.verifierKey])).toThrow(rejected);
  });
});
