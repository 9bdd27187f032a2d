import { readdirSync } from 'node:fs';
import path from 'node:path';

/** This checkout. */
export const root = path.resolve(import.meta.dirname, '..', '..');

const notOurs = new Set(['node_modules', 'dist', 'coverage']);

/** Every Markdown file of the checkout, by its path in it. */
export function documents(folder = ''): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return notOurs.has(entry.name) || entry.name.startsWith('.') ? [] : documents(file);
    return entry.name.endsWith('.md') ? [file] : [];
  });
}
