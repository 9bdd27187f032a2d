import type { SourceFile } from './source-files.js';

const table = String.raw`(ONLY\s+)?("?session_ledger"?\.|\$\{\w+\}\.)?"?event"?(?![\w.])`;
const inserts = new RegExp(String.raw`\bINSERT\s+INTO\s+${table}`, 'i');
const changes = new RegExp(String.raw`\b(UPDATE|DELETE\s+FROM|TRUNCATE(\s+TABLE)?)\s+${table}`, 'i');

/** The statements that may append to the ledger. One more is a decision about the promises, not a detail. */
const writers = ['src/session/use.ts', 'src/session/expire.ts'];

/** Appending anywhere else than in the listed files: a fact could then be written without the lock that orders it. */
export function unlistedLedgerWriters(files: SourceFile[]): string[] {
  return files
    .filter(({ path, text }) => path.startsWith('src/') && !writers.includes(path) && inserts.test(text))
    .map(({ path }) => `${path} inserts into session_ledger.event: only ${writers.join(', ')} and migrations/ may`);
}

/** The ledger is append-only: no source may even try to change it. */
export function ledgerChanges(files: SourceFile[]): string[] {
  return files
    .filter(({ path, text }) => path.startsWith('src/') && changes.test(text))
    .map(({ path }) => `${path} changes or removes rows of session_ledger.event: the ledger is append-only`);
}
