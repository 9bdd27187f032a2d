import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { reportsFolder } from './reports-folder.js';

/** Name and version of this package, for whoever wants to run a report again. */
export async function productVersion(): Promise<{ name: string; version: string }> {
  const file = path.join(reportsFolder(), '..', 'package.json');
  const { name, version } = JSON.parse(await readFile(file, 'utf8')) as { name: string; version: string };
  return { name, version };
}
