import { createHash } from 'node:crypto';
import {
  MAX_LEAF_BYTES,
  emptyRoot,
  leafHash,
  leafHashes,
  merkleRoot,
  nodeHash,
  textLeafHashes,
} from '../../src/seal/merkle.js';
import { grownLog, treeHash } from './grown-log.js';

// The eight leaves of the Certificate Transparency tests, and the roots of the trees of their first n.
const ctLeaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((hex) => Buffer.from(hex, 'hex'));
const ctRoots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

describe('Merkle hashing of RFC 6962', () => {
  it('hashes a leaf behind a zero byte', () => {
    expect(leafHash(Buffer.from('L123456')).toString('hex')).toBe(
      '395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56',
    );
    expect(leafHash(Buffer.alloc(0)).toString('hex')).toBe(ctRoots[1]);
  });

  it('hashes two children behind a one byte, and their order matters', () => {
    const [left, right] = [leafHash(Buffer.from('left')), leafHash(Buffer.from('right'))];
    const expected = createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest();
    expect(nodeHash(left, right)).toEqual(expected);
    expect(nodeHash(right, left)).not.toEqual(expected);
  });

  it('reproduces the known root of every tree of the eight Certificate Transparency leaves', () => {
    const roots = ctRoots.map((_, size) => merkleRoot(leafHashes(ctLeaves.slice(0, size))).toString('hex'));
    expect(roots).toEqual(ctRoots);
    expect(emptyRoot().toString('hex')).toBe(ctRoots[0]);
  });

  it('agrees with the recursive definition for every size from 1 to 300', () => {
    const { hashes } = grownLog(300, 300);
    for (let size = 1; size <= 300; size += 1) {
      expect(merkleRoot(hashes.subarray(0, size * 32))).toEqual(treeHash(hashes, 0, size));
    }
  });

  it('leaves the row of hashes it was given as it was', () => {
    const { hashes } = grownLog(5, 5);
    const before = Buffer.from(hashes);
    merkleRoot(hashes);
    expect(hashes).toEqual(before);
  });

  it('gives every hash a buffer of its own, so that a later hash never changes an earlier one', () => {
    const first = leafHash(Buffer.from('first'));
    const copy = Buffer.from(first);
    leafHash(Buffer.from('second'));
    nodeHash(first, first);
    expect(first).toEqual(copy);
  });

  it('hashes a leaf of 65,535 bytes and refuses a longer one, which no entry bundle could carry', () => {
    const longest = Buffer.alloc(MAX_LEAF_BYTES, 7);
    expect(leafHash(longest)).toEqual(createHash('sha256').update(Buffer.of(0)).update(longest).digest());
    expect(() => leafHash(Buffer.alloc(MAX_LEAF_BYTES + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_INPUT' }) as Error,
    );
  });

  it('refuses children and rows that are not whole hashes', () => {
    expect(() => nodeHash(Buffer.alloc(31), Buffer.alloc(32))).toThrow('32 bytes');
    expect(() => nodeHash(Buffer.alloc(32), Buffer.alloc(33))).toThrow('32 bytes');
    expect(() => merkleRoot(Buffer.alloc(33))).toThrow('multiple of 32');
  });

  it('gives the same hashes of leaves that are still text, whatever characters they have', () => {
    const texts = ['', 'a', 'ünï', '\u{1F511}', 'x'.repeat(65_535), '€'.repeat(21_845)];
    expect(textLeafHashes(texts)).toEqual(leafHashes(texts.map((text) => Buffer.from(text))));
    expect(() => textLeafHashes(['€'.repeat(21_846)])).toThrow(/exceeds the 65535 bytes/);
  });
});
