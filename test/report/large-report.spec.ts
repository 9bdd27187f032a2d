import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ReportManifest } from '../../src/report/manifest.js';
import { compiledPackage } from '../setup/compiled-package.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

const run = promisify(execFile);
const program = path.join(import.meta.dirname, 'measured-run.mjs');
const rowCount = 200_000;
const parameter = (name: string, type: string) => ({ name, type, whenOmitted: '', meaning: '', example: '' });
const definition = {
  name: 'every-number',
  title: 'Every number',
  question: 'Which numbers are there?',
  roles: ['compliance'],
  parameters: [parameter('realm', 'text'), parameter('applications', 'text[]'), parameter('asKnownAt', 'instant')],
  columns: [
    { name: 'number', type: 'integer', meaning: '' },
    { name: 'padding', type: 'text', meaning: '' },
  ],
};
const sql = `
SELECT number, repeat('x', 500) AS padding FROM generate_series(1, ${rowCount}) AS n(number)
 WHERE :realm::text IS NOT NULL AND :applications::text[] IS NULL AND :asKnownAt::timestamptz IS NOT NULL ORDER BY number`;

describe('a report of 200,000 rows', () => {
  let database: TestDatabase;
  let folder: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(path.join(tmpdir(), 'session-ledger-reports-'));
    await mkdir(path.join(folder, 'every-number'));
    await writeFile(path.join(folder, 'every-number', 'definition.json'), JSON.stringify(definition));
    await writeFile(path.join(folder, 'every-number', 'report.sql'), sql);
  });

  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true });
  });

  it.each(['csv', 'ndjson'] as const)('passes through memory a few rows at a time, as %s', async (format) => {
    const target = path.join(folder, `out.${format}`);
    const words = [compiledPackage(), database.url, folder, 'every-number', format, target];
    const { stdout } = await run(process.execPath, ['--expose-gc', program, ...words]);
    const { manifest, most } = JSON.parse(stdout) as { manifest: ReportManifest; most: number };

    expect(manifest.rowCount).toBe(rowCount);
    expect(manifest.files[0]).toMatchObject(await factsOf(target));
    expect(manifest.files[0]!.bytes).toBeGreaterThan(100_000_000);
    // The file itself would be 100 MB.
    expect(most).toBeLessThan(40_000_000);
  });
});

async function factsOf(file: string): Promise<{ bytes: number; sha256: string }> {
  const digest = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file)) {
    digest.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: digest.digest('hex') };
}
