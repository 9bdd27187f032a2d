import { readFile, writeFile } from 'node:fs/promises';
import type { DataSource } from 'typeorm';
import { manifestText, type ReportManifest } from '../../src/report/manifest.js';
import { Reports } from '../../src/report/reports.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { RecordedBank } from './recorded-bank.js';
import { openReader, runToText } from './report-run.js';

const asKnownAt = '2026-04-01T00:00:00Z';
const parametersOf = {
  'login-state': {
    at: ['2026-03-04T02:14:00Z', '2026-03-06T00:30:00Z'],
    userIds: ['alice', 'bob', 'carol', 'zoe'],
    asKnownAt,
  },
  'access-history': { from: '2026-03-03T00:00:00Z', to: '2026-03-07T00:00:00Z', asKnownAt },
  revocations: { from: '2026-03-01T00:00:00Z', asKnownAt },
};

describe('the samples beside the reports', () => {
  let database: TestDatabase;
  let reader: DataSource;
  let reports: Reports;

  beforeAll(async () => {
    database = await createTestDatabase();
    await RecordedBank.record(database.url);
    reader = await openReader(database.url);
    reports = new Reports(reader);
  });

  afterAll(async () => {
    await reader.destroy();
    await database.drop();
  });

  it.each(Object.entries(parametersOf))('of %s are what a run gives today', async (name, parameters) => {
    const run = await runToText(reports, name, parameters);
    // WRITE_REPORT_SAMPLES=1 writes them anew after a change that is meant.
    if (process.env['WRITE_REPORT_SAMPLES'] === '1') {
      await writeFile(`reports/${name}/sample.csv`, run.text);
      await writeFile(`reports/${name}/sample.manifest.json`, manifestText(run.manifest));
    }
    expect(run.text).toBe(await readFile(`reports/${name}/sample.csv`, 'utf8'));
    const sample = JSON.parse(await readFile(`reports/${name}/sample.manifest.json`, 'utf8')) as ReportManifest;
    expect(lastingFacts(JSON.parse(manifestText(run.manifest)))).toEqual(lastingFacts(sample));
  });
});

/** All of a manifest but what names the one run and the release it ran on. */
function lastingFacts({ run, files, schemaVersion, product, ...lasting }: ReportManifest) {
  expect([run.id, schemaVersion, product.version].every(Boolean)).toBe(true);
  return { ...lasting, files: files.map(({ bytes, mediaType, sha256 }) => ({ bytes, mediaType, sha256 })) };
}
