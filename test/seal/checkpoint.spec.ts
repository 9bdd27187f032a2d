import * as fc from 'fast-check';
import { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from '../../src/seal/checkpoint.js';
import { emptyRoot, leafHash } from '../../src/seal/merkle.js';
import { parseVerifierKey } from '../../src/seal/note-key.js';
import { signNote } from '../../src/seal/signed-note.js';
import { SigningKey } from '../../src/seal/signing-key.js';

// A checkpoint of a public Certificate Transparency log, cosigned by a public witness.
const publicLog = {
  origin: 'arche2025h1.staging.ct.transparency.dev',
  key: parseVerifierKey(
    'arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f',
  ),
  witness: parseVerifierKey('remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2'),
  checkpoint: `arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
`,
};

const origin = 'example.com/log42';
const logKey = SigningKey.generate(origin);
const stranger = SigningKey.generate('stranger.example');
const head = { origin, size: 3, root: leafHash(Buffer.from('leaf')), extensions: [] };

const rejected = expect.objectContaining({ code: 'ERR_EVIDENCE_REJECTED' }) as Error;
const malformed = expect.objectContaining({ code: 'ERR_EVIDENCE_MALFORMED' }) as Error;
const invalidInput = expect.objectContaining({ code: 'ERR_INVALID_INPUT' }) as Error;

describe('checkpoints', () => {
  it('of a public log open with its key, and tell when a public witness saw them', () => {
    const opened = openCheckpoint(publicLog.checkpoint, {
      origin: publicLog.origin,
      logKeys: [publicLog.key],
      witnessKeys: [publicLog.witness],
    });
    expect(opened.checkpoint.size).toBe(1_432_088_532);
    expect(opened.checkpoint.root.toString('base64')).toBe('U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=');
    expect(opened.logSignatures).toEqual([{ key: publicLog.key, cosignedAtPosixSeconds: null }]);
    expect(opened.cosignatures).toEqual([{ key: publicLog.witness, cosignedAtPosixSeconds: 1_779_573_024n }]);
  });

  it('of a public log are rejected with another size', () => {
    const grown = publicLog.checkpoint.replace('1432088532', '1432088533');
    expect(() => openCheckpoint(grown, { origin: publicLog.origin, logKeys: [publicLog.key] })).toThrow(rejected);
  });

  it('are three lines: origin, size, root', () => {
    expect(formatCheckpoint({ origin: 'example.com/log', size: 0, root: emptyRoot(), extensions: [] })).toBe(
      'example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n',
    );
  });

  it('come back from their text as they were, extension lines included', () => {
    const lines = fc.string({ unit: 'grapheme', minLength: 1 }).filter((line) => !line.includes('\n'));
    const checkpoints = fc.record({
      origin: lines,
      size: fc.maxSafeNat(),
      root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
      extensions: fc.array(lines, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(checkpoints, (checkpoint) => {
        expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
      }),
    );
  });

  it('are signed by the log and opened by whoever has its key', async () => {
    const note = await signCheckpoint(head, [logKey]);
    const opened = openCheckpoint(note, { origin, logKeys: [parseVerifierKey(logKey.vkey)] });
    expect(opened.checkpoint).toEqual(head);
    expect(opened.cosignatures).toEqual([]);
  });

  it('are rejected when only a witness has signed', async () => {
    const note = await signCheckpoint(head, [stranger]);
    const trust = { origin, logKeys: [logKey.verifierKey], witnessKeys: [stranger.verifierKey] };
    expect(() => openCheckpoint(note, trust)).toThrow(rejected);
  });

  it('are rejected when they are of another log, even under a key that is known', async () => {
    const note = await signCheckpoint({ ...head, origin: 'example.com/other' }, [logKey]);
    expect(() => openCheckpoint(note, { origin, logKeys: [logKey.verifierKey] })).toThrow(rejected);
  });

  const root = head.root.toString('base64');
  it.each([
    ['two lines', `${origin}\n3\n`],
    ['no line break at the end', `${origin}\n3\n${root}`],
    ['an extension line without its line break', `${origin}\n3\n${root}\nextension`],
    ['an empty origin', `\n3\n${root}\n`],
    ['an empty extension line', `${origin}\n3\n${root}\n\n`],
    ['an empty line between extensions', `${origin}\n3\n${root}\na\n\nb\n`],
    ['a size with a leading zero', `${origin}\n03\n${root}\n`],
    ['a size of 00', `${origin}\n00\n${root}\n`],
    ['a negative size', `${origin}\n-3\n${root}\n`],
    ['a signed size', `${origin}\n+3\n${root}\n`],
    ['a size with a space', `${origin}\n 3\n${root}\n`],
    ['a hexadecimal size', `${origin}\n0x3\n${root}\n`],
    ['a size in Arabic-Indic digits', `${origin}\n\u0663\n${root}\n`],
    ['a size beyond 2^53 - 1', `${origin}\n9007199254740992\n${root}\n`],
    ['a root of 31 bytes', `${origin}\n3\n${Buffer.alloc(31).toString('base64')}\n`],
    ['a root in the URL alphabet', `${origin}\n3\n${Buffer.alloc(32, 0xfb).toString('base64').replaceAll('+', '-')}\n`],
    ['a root without padding', `${origin}\n3\n${root.replaceAll('=', '')}\n`],
    [
      'a root with bits set in the padding',
      `${origin}\n3\n${Buffer.alloc(32).toString('base64').replace('A=', 'B=')}\n`,
    ],
  ])('are malformed with %s', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(malformed);
  });

  it('are malformed even when the log itself has signed what is none', async () => {
    const note = await signNote(`${origin}\n03\n${root}\n`, [logKey]);
    expect(() => openCheckpoint(note, { origin, logKeys: [logKey.verifierKey] })).toThrow(malformed);
  });

  it('are not made of what the format cannot carry', () => {
    const impossible = [
      { ...head, origin: '' },
      { ...head, origin: 'two\nlines' },
      { ...head, extensions: [''] },
      { ...head, extensions: ['a\nb'] },
      { ...head, size: -1 },
      { ...head, size: 1.5 },
      { ...head, size: 2 ** 53 },
      { ...head, root: Buffer.alloc(31) },
    ];
    for (const checkpoint of impossible) expect(() => formatCheckpoint(checkpoint)).toThrow(invalidInput);
  });
});
