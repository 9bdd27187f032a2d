import type { SourceFile } from './source-files.js';

const saysNothing = /^(utils?|helpers?|common|shared|misc)$/;

/** Files and folders whose name does not say what they do or answer. */
export function namesThatSayNothing(files: SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.split(/[/.]/).some((part) => saysNothing.test(part)))
    .map(({ path }) => `${path} is named after nothing: name it by what it does or answers`);
}

/** Index files inside rooms: an importer names the file it means. */
export function roomIndexFiles(files: SourceFile[]): string[] {
  return files
    .filter(({ path }) => /^src\/.+\/index\.tsx?$/.test(path))
    .map(({ path }) => `${path} is an index file of a room: import the file that is meant`);
}
