// `npm install` leaves an optional package that the registry lacks out of the lock without a word, and the next
// `npm ci` refuses the lock. This names such packages while the change that brought them is still at hand.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const lock = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '..', 'package-lock.json'), 'utf8'));
const packages = lock.packages;

const missing = Object.entries(packages).flatMap(([where, { version, optionalDependencies = {} }]) =>
  Object.entries(optionalDependencies)
    .filter(([name]) => !foldersSeenFrom(where, name).some((folder) => folder in packages))
    .map(([name, range]) => `${where}@${version} wants ${name}@${range}, which the lock does not hold`),
);

for (const line of missing) console.error(line);
console.log(`package-lock.json: ${missing.length} optional packages missing`);
process.exitCode = missing.length === 0 ? 0 : 1;

/** Where Node would look for `name` when required from the package at `where`. */
function foldersSeenFrom(where, name) {
  const folders = [];
  for (let at = where; at !== ''; at = at.slice(0, Math.max(at.lastIndexOf('/node_modules/'), 0))) {
    folders.push(`${at}/node_modules/${name}`);
  }
  return [...folders, `node_modules/${name}`];
}
