import { createHash } from 'node:crypto';
import { signCheckpoint } from '../../src/seal/checkpoint.js';
import { inclusionProof } from '../../src/seal/inclusion-proof.js';
import { leafHash } from '../../src/seal/merkle.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { tileHashReader } from '../../src/seal/tile-hashes.js';
import { formatTlogProof, parseTlogProof, verifyTlogProof } from '../../src/seal/tlog-proof.js';
import { grownLog, leavesNamed, storedTile } from './grown-log.js';

const origin = 'example.com/log42';
const key = SigningKey.generate(origin);
const trust = { origin, logKeys: [key.verifierKey] };
const size = 300;
const log = grownLog(size, 77);
const leaves = leavesNamed(size);

const rejected = expect.objectContaining({ code: 'ERR_EVIDENCE_REJECTED' }) as Error;
const malformed = expect.objectContaining({ code: 'ERR_EVIDENCE_MALFORMED' }) as Error;
const invalidInput = expect.objectContaining({ code: 'ERR_INVALID_INPUT' }) as Error;

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();

async function proofFile(index: number, extra: Buffer | null = null): Promise<string> {
  const checkpointNote = await signCheckpoint({ origin, size, root: log.tree.root(), extensions: [] }, [key]);
  const hashes = await inclusionProof(index, size, tileHashReader(size, storedTile(log.tiles)));
  return formatTlogProof({ index, hashes, checkpointNote, extra });
}

describe('proof files of C2SP tlog-proof', () => {
  it('are written as transparency-dev/formats writes them', () => {
    const [first, second] = [hashOf('hash1'), hashOf('hash2')];
    const checkpointNote = 'test checkpoint\n';
    expect(formatTlogProof({ index: 5, hashes: [first, second], checkpointNote, extra: null })).toBe(
      `c2sp.org/tlog-proof@v1\nindex 5\n${first.toString('base64')}\n${second.toString('base64')}\n\ntest checkpoint\n`,
    );
    expect(
      formatTlogProof({ index: 10, hashes: [first], checkpointNote, extra: Buffer.from('extra information') }),
    ).toBe(
      `c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 10\n${first.toString('base64')}\n\ntest checkpoint\n`,
    );
    expect(formatTlogProof({ index: 0, hashes: [], checkpointNote, extra: null })).toBe(
      'c2sp.org/tlog-proof@v1\nindex 0\n\ntest checkpoint\n',
    );
  });

  it('come back as they were', () => {
    for (const extra of [null, Buffer.from('disclosures')]) {
      const proof = { index: 7, hashes: [hashOf('a'), hashOf('b')], checkpointNote: 'text\n\nmore\n\n— a b\n', extra };
      expect(parseTlogProof(formatTlogProof(proof))).toEqual(proof);
    }
  });

  it('prove each leaf of the log to whoever has its key', async () => {
    for (const index of [0, 1, 255, 256, 298, 299]) {
      const verified = verifyTlogProof(await proofFile(index), leafHash(leaves[index] ?? Buffer.alloc(0)), trust);
      expect(verified.index).toBe(index);
      expect(verified.checkpoint).toEqual({ origin, size, root: log.tree.root(), extensions: [] });
      expect(verified.logSignatures.map((signature) => signature.key)).toEqual([key.verifierKey]);
    }
  });

  it('are rejected for another leaf, another place, another hash, another key', async () => {
    const file = await proofFile(5);
    const hash = leafHash(leaves[5] ?? Buffer.alloc(0));
    const other = leafHash(leaves[6] ?? Buffer.alloc(0));
    expect(() => verifyTlogProof(file, other, trust)).toThrow(rejected);
    expect(() => verifyTlogProof(file.replace('index 5', 'index 6'), hash, trust)).toThrow(rejected);
    expect(() => verifyTlogProof(file.replace('index 5', 'index 300'), hash, trust)).toThrow(rejected);
    const [, , firstHash = ''] = file.split('\n');
    expect(() => verifyTlogProof(file.replace(firstHash, other.toString('base64')), hash, trust)).toThrow(rejected);
    const strangers = { origin, logKeys: [SigningKey.generate(origin).verifierKey] };
    expect(() => verifyTlogProof(file, hash, strangers)).toThrow(rejected);
    expect(() => verifyTlogProof(file.replace('\n300\n', '\n301\n'), hash, trust)).toThrow(rejected);
  });

  const hashLine = hashOf('hash').toString('base64');
  it.each([
    ['another first line', 'c2sp.org/tlog-proof@v2\nindex 0\n\ncheckpoint\n'],
    ['extra data that is not Base64', 'c2sp.org/tlog-proof@v1\nextra !!\nindex 0\n\ncheckpoint\n'],
    ['extra data that is empty', 'c2sp.org/tlog-proof@v1\nextra \nindex 0\n\ncheckpoint\n'],
    ['two extra lines', 'c2sp.org/tlog-proof@v1\nextra AA==\nextra AA==\nindex 0\n\ncheckpoint\n'],
    ['extra behind the index', 'c2sp.org/tlog-proof@v1\nindex 0\nextra AA==\n\ncheckpoint\n'],
    ['no index', 'c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n'],
    ['hashes but no index', `c2sp.org/tlog-proof@v1\n${hashLine}\n\ncheckpoint\n`],
    ['an index that is no number', 'c2sp.org/tlog-proof@v1\nindex none\n\ncheckpoint\n'],
    ['a negative index', 'c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n'],
    ['an index with a leading zero', 'c2sp.org/tlog-proof@v1\nindex 05\n\ncheckpoint\n'],
    ['a hash that is not Base64', 'c2sp.org/tlog-proof@v1\nindex 0\n!!\n\ncheckpoint\n'],
    ['a hash of 64 bytes', `c2sp.org/tlog-proof@v1\nindex 0\n${Buffer.alloc(64).toString('base64')}\n\ncheckpoint\n`],
    ['no empty line', `c2sp.org/tlog-proof@v1\nindex 0\n${hashLine}\ncheckpoint\n`],
    ['carriage returns', 'c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\ncheckpoint\r\n'],
    ['nothing', ''],
  ])('are malformed with %s', (_, file) => {
    expect(() => parseTlogProof(file)).toThrow(malformed);
  });

  it('are not made of an index or hash that the format cannot carry', () => {
    const proof = { index: 0, hashes: [], checkpointNote: 'x', extra: null };
    expect(() => formatTlogProof({ ...proof, index: -1 })).toThrow(invalidInput);
    expect(() => formatTlogProof({ ...proof, index: 0.5 })).toThrow(invalidInput);
    expect(() => formatTlogProof({ ...proof, hashes: [Buffer.alloc(33)] })).toThrow(invalidInput);
  });
});
