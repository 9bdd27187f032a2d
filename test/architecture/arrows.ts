import { readFileSync } from 'node:fs';
import { importsOf, type Import } from './imports.js';
import type { SourceFile } from './source-files.js';

interface Arrows {
  rooms: Record<string, string[]>;
  top: Record<string, string[]>;
  forEveryone: string[];
  forDoorsOnly: string[];
  packagesOf: Record<string, string[]>;
  neverReaches: Record<string, string[]>;
}

// Read by .dependency-cruiser.cjs too, so that the editor and this test never disagree.
const arrows = JSON.parse(readFileSync(new URL('./arrows.json', import.meta.url), 'utf8')) as Arrows;

/** A sentence for each import between rooms that the design's table does not allow, naming the arrow it reverses. */
export function reversedArrows(files: SourceFile[]): string[] {
  return files
    .filter((file) => file.path.startsWith('src/') || file.path.startsWith('migrations/'))
    .flatMap((file) =>
      importsOf(file)
        .filter(({ isOwn, target }) => isOwn && !mayImport(file.path, target))
        .map((found) => sentence(file.path, found)),
    );
}

/** Files in `src/` that belong to no room and are none of the files the design puts at its top. */
export function filesWithoutRoom(files: SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.startsWith('src/') && !(roomOf(path) in arrows.rooms) && !(roomOf(path) in arrows.top))
    .map(
      ({ path }) => `${path} belongs to no room: give it one, or add its room to the design's table and to arrows.json`,
    );
}

/** Packages that a room must do without: `token/` is pure, so nothing but node:crypto. */
export function packagesOutOfPlace(files: SourceFile[]): string[] {
  return files.flatMap((file) => {
    const allowed = file.path.startsWith('src/') ? arrows.packagesOf[roomOf(file.path)] : undefined;
    if (allowed === undefined) return [];
    return importsOf(file)
      .filter(({ isOwn, target }) => !isOwn && !allowed.includes(target))
      .map(
        ({ place, target }) => `${place} imports ${target}: ${roomOf(file.path)}/ may use ${allowed.join(', ')} alone`,
      );
  });
}

/** What may not be reached even through others: the offline verifier has to run without Nest, TypeORM and pg. */
export function packagesReachedByStandAloneFiles(files: SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return Object.entries(arrows.neverReaches).flatMap(([start, forbidden]) =>
    files
      .filter(({ path }) => path.startsWith(`src/${start}`))
      .flatMap((file) =>
        packagesReachedFrom(file, byPath)
          .filter((name) =>
            forbidden.some((prefix) => name === prefix || (prefix.endsWith('/') && name.startsWith(prefix))),
          )
          .map((name) => `${file.path} reaches ${name}: whoever checks a proof offline must not need it`),
      ),
  );
}

function packagesReachedFrom(start: SourceFile, byPath: Map<string, SourceFile>): string[] {
  const packages = new Set<string>();
  const seen = new Set<SourceFile>([start]);
  for (const file of seen) {
    for (const { isOwn, target } of importsOf(file)) {
      const next = byPath.get(target);
      if (next) seen.add(next);
      else if (!isOwn) packages.add(target);
    }
  }
  return [...packages];
}

function mayImport(from: string, to: string): boolean {
  const [importer, imported] = [roomOf(from), roomOf(to)];
  if (importer === imported || arrows.forEveryone.includes(imported)) return importer !== 'errors';
  return allowedFor(importer).some((allowed) => {
    if (allowed === 'rooms') return imported in arrows.rooms && !arrows.forDoorsOnly.includes(imported);
    return allowed.includes('/') ? to.startsWith(`src/${allowed}`) : imported === allowed;
  });
}

function allowedFor(importer: string): string[] {
  return arrows.rooms[importer] ?? arrows.top[importer] ?? [];
}

/** `src/token/mint.ts` is of `token`, `src/main.ts` of `main`, `migrations/1-x.ts` of `migrations`. */
function roomOf(path: string): string {
  const [folder = '', name = ''] = path.split('/');
  return folder === 'src' ? name.replace(/\.tsx?$/, '') : folder;
}

function sentence(from: string, { place, target }: Import): string {
  const [importer, imported] = [roomOf(from), roomOf(target)];
  const isReversed = allowedFor(imported).some((allowed) => allowed.split('/')[0] === importer);
  const rule = isReversed
    ? `the arrow points from ${imported} to ${importer}, never from ${importer} to ${imported}`
    : `${importer} may import ${allowedFor(importer).join(', ') || 'no other room'}, and ${target} is not among it`;
  return `${place} imports ${target}: ${rule}`;
}
