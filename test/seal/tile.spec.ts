import * as fc from 'fast-check';
import { encodeEntryBundle, parseEntryBundle } from '../../src/seal/entry-bundle.js';
import { GrowingTree } from '../../src/seal/growing-tree.js';
import { HASH_BYTES, merkleRoot } from '../../src/seal/merkle.js';
import { parseTilePath, tileContent, tilePath, tileWidth, tilesBetween } from '../../src/seal/tile.js';
import { tileHashReader } from '../../src/seal/tile-hashes.js';
import { grownLog, leavesNamed, recursiveReader, storedTile } from './grown-log.js';

describe('tile paths of C2SP tlog-tiles', () => {
  it.each([
    [{ level: 0, index: 1234067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ level: 0, index: 273, width: 112 }, 'tile/0/273.p/112'],
    [{ level: 2, index: 0, width: 1 }, 'tile/2/000.p/1'],
    [{ level: 63, index: 1000, width: 255 }, 'tile/63/x001/000.p/255'],
    [{ level: 'entries' as const, index: 67, width: 8 }, 'tile/entries/067.p/8'],
    [{ level: 0, index: Number.MAX_SAFE_INTEGER, width: 256 }, 'tile/0/x009/x007/x199/x254/x740/991'],
  ])('%j is at %s', (tile, path) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  });

  it.each([
    'tile/0/67',
    'tile/0/x000/067',
    'tile/0/x01/067',
    'tile/0/001/067',
    'tile/0/x067',
    'tile/00/067',
    'tile/64/067',
    'tile/-1/067',
    'tile/0/067.p/0',
    'tile/0/067.p/01',
    'tile/0/067.p/256',
    'tile/0/067.p/',
    'tile/entries/067/',
    '/tile/0/067',
    'tile/0/067\n',
    'tile/0/x999/x999/x999/x999/x999/999',
    'checkpoint',
  ])('%j is no path of a tile', (path) => {
    expect(parseTilePath(path)).toBeUndefined();
  });

  it('are not made for tiles that no log has', () => {
    for (const tile of [
      { level: 64, index: 0, width: 1 },
      { level: 0, index: -1, width: 1 },
      { level: 0, index: 0, width: 257 },
    ]) {
      expect(() => tilePath(tile)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_INPUT' }) as Error);
    }
  });
});

describe('tile widths of C2SP tlog-tiles', () => {
  it('give a tree of 70,000 leaves 273 full and one partial tile, then 1 and 17, then 1', () => {
    const tiles = [...tilesBetween(0, 70_000)];
    expect(tiles).toHaveLength(277);
    expect(tiles.filter((tile) => tile.width < 256)).toEqual([
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ]);
  });

  it('give a tree of 256 leaves a full tile and one of width 1 above it', () => {
    expect([...tilesBetween(0, 256)]).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ]);
    expect([tileWidth(0, 1, 256), tileWidth(2, 0, 256)]).toEqual([0, 0]);
  });

  it('of the partial tile are floor(size / 256^level) mod 256', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 45 }), fc.integer({ min: 0, max: 5 }), (size, level) => {
        const index = Math.floor(size / 256 ** (level + 1));
        expect(BigInt(tileWidth(level, index, size))).toBe((BigInt(size) / 256n ** BigInt(level)) % 256n);
      }),
    );
  });
});

describe('a growing tree', () => {
  it('has the root of its leaves at every size from 0 to 600', () => {
    const { hashes } = grownLog(600, 600);
    const tree = GrowingTree.empty();
    for (let size = 0; size <= 600; size += 1) {
      expect(tree.size).toBe(size);
      expect(tree.root()).toEqual(merkleRoot(hashes.subarray(0, size * HASH_BYTES)));
      tree.append(hashes.subarray(size * HASH_BYTES, (size + 1) * HASH_BYTES));
    }
  });

  it('yields exactly the tiles between two sizes, with the content that the tree defines', async () => {
    const batches = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 4 });
    const { hashes } = grownLog(2800, 2800);
    await fc.assert(
      fc.asyncProperty(batches, async (counts) => {
        const tree = GrowingTree.empty();
        for (const count of counts) {
          const before = tree.size;
          const grown = tree.append(hashes.subarray(before * HASH_BYTES, (before + count) * HASH_BYTES));
          const byPath = new Map(grown.map((tile) => [tilePath(tile), tile.hashes]));
          const expected = [...tilesBetween(before, tree.size)];
          expect([...byPath.keys()].toSorted()).toEqual(expected.map(tilePath).toSorted());
          for (const tile of expected) {
            expect(byPath.get(tilePath(tile))).toEqual(await tileContent(tile, recursiveReader(hashes)));
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it('goes on after a restart from its stored tiles as if it had never stopped', async () => {
    for (const size of [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000]) {
      const stopped = grownLog(size, 50_000);
      const resumed = await GrowingTree.resume(size, storedTile(stopped.tiles));
      expect(resumed.root()).toEqual(stopped.tree.root());
      const { hashes } = grownLog(300, 300);
      expect(resumed.append(hashes)).toEqual(stopped.tree.append(hashes));
      expect(resumed.root()).toEqual(stopped.tree.root());
      expect(resumed.size).toBe(size + 300);
    }
  });

  it('crosses into the third tile level with the right root', () => {
    const log = grownLog(70_000, 9_999);
    expect(log.tree.root()).toEqual(merkleRoot(log.hashes));
    expect(log.tiles.get('tile/2/000.p/1')).toEqual(merkleRoot(log.hashes.subarray(0, 65_536 * HASH_BYTES)));
  });

  it('does not resume from a stored tile that is too narrow, nor append a torn row', async () => {
    await expect(GrowingTree.resume(5, () => Promise.resolve(Buffer.alloc(4 * 32)))).rejects.toMatchObject({
      code: 'ERR_EVIDENCE_MALFORMED',
    });
    expect(() => GrowingTree.empty().append(Buffer.alloc(33))).toThrow('multiple of 32');
  });
});

describe('the reader of hashes over tiles', () => {
  it('fetches each tile once, and takes a full tile where a partial one was asked for', async () => {
    const log = grownLog(600, 600);
    const fetched: string[] = [];
    const readHash = tileHashReader(300, async (tile) => {
      fetched.push(tilePath(tile));
      return storedTile(log.tiles)(tile.index === 1 ? { ...tile, width: 256 } : tile);
    });
    expect(await readHash(0, 299)).toEqual(log.hashes.subarray(299 * HASH_BYTES, 300 * HASH_BYTES));
    expect(await readHash(3, 32)).toEqual(merkleRoot(log.hashes.subarray(256 * HASH_BYTES, 264 * HASH_BYTES)));
    expect(fetched).toEqual(['tile/0/001.p/44']);
  });

  it('refuses a subtree that is not complete in its tree, and a tile that is too narrow', async () => {
    const readHash = tileHashReader(300, () => Promise.resolve(Buffer.alloc(32)));
    await expect(readHash(0, 300)).rejects.toMatchObject({ code: 'ERR_INVALID_INPUT' });
    await expect(readHash(8, 1)).rejects.toMatchObject({ code: 'ERR_INVALID_INPUT' });
    await expect(readHash(0, 7)).rejects.toMatchObject({ code: 'ERR_EVIDENCE_MALFORMED' });
  });
});

describe('entry bundles', () => {
  it('carry each leaf behind its length in two big-endian bytes', () => {
    expect(
      encodeEntryBundle([Buffer.from('ab'), Buffer.alloc(0), Buffer.alloc(258, 1)])
        .subarray(0, 8)
        .toString('hex'),
    ).toBe('0002616200000102');
  });

  it('give back the leaves they were made of', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 256 }), (leaves) => {
        const read = parseEntryBundle(encodeEntryBundle(leaves), leaves.length);
        expect(read).toEqual(leaves.map((leaf) => Buffer.from(leaf)));
      }),
    );
  });

  it('are refused when torn, too long, or of another width', () => {
    const bundle = encodeEntryBundle(leavesNamed(3));
    const cases: [Buffer, number][] = [
      [bundle.subarray(0, -1), 3],
      [bundle.subarray(0, -7), 3],
      [Buffer.concat([bundle, Buffer.of(0)]), 3],
      [bundle, 2],
      [bundle, 4],
    ];
    for (const [bytes, width] of cases) {
      expect(() => parseEntryBundle(bytes, width)).toThrow(
        expect.objectContaining({ code: 'ERR_EVIDENCE_MALFORMED' }) as Error,
      );
    }
  });

  it('are not made of no leaf, 257 leaves, or one leaf of 65,536 bytes', () => {
    for (const leaves of [[], leavesNamed(257), [Buffer.alloc(65_536)]]) {
      expect(() => encodeEntryBundle(leaves)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_INPUT' }) as Error);
    }
  });
});
