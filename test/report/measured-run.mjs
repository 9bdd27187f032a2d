// Runs a report and says, as JSON, what its manifest holds and how much memory was held on the way at most. In a process of
// its own: a collection of the heap that jest keeps takes longer than the pauses between the measurements.
// `node --expose-gc measured-run.mjs <package> <database url> <folder of definitions> <report> <format> <file>`
import { open } from 'node:fs/promises';
import path from 'node:path';

const [folder, url, definitions, name, format, target] = process.argv.slice(2);
const { ledgerDataSource } = await import(path.join(folder, 'dist/src/ledger/ledger-data-source.js'));
const { ReportDefinitions } = await import(path.join(folder, 'dist/src/report/report-definitions.js'));
const { Reports } = await import(path.join(folder, 'dist/src/report/reports.js'));

const reader = await ledgerDataSource({
  url,
  role: 'reader',
  poolSize: 3,
  applicationName: 'report tests',
}).initialize();
const file = await open(target, 'wx+');
const before = held();
let most = 0;
const watch = setInterval(() => (most = Math.max(most, held() - before)), 100);
const { signal } = new AbortController();
const manifest = await new Reports(reader, new ReportDefinitions(definitions)).run(
  name,
  { parameters: {}, format, file, maxBytes: 1e9, signal },
  { askedBy: 'the tests', caseId: 'AUDIT-7' },
);
clearInterval(watch);
await file.close();
await reader.destroy();
process.stdout.write(JSON.stringify({ manifest, most }));

/** What is still held after a collection: how long garbage waits says nothing. */
function held() {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
