import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DataSource } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import type { Asking } from '../../src/query/asking.js';
import type { ReportManifest } from '../../src/report/manifest.js';
import { Reports, type ReportRequest } from '../../src/report/reports.js';

/** A run with its file read back. */
export interface FinishedRun {
  manifest: ReportManifest;
  text: string;
}

/** The ledger's reader on a database of the tests. */
export async function openReader(url: string): Promise<DataSource> {
  return ledgerDataSource({ url, role: 'reader', poolSize: 3, applicationName: 'report tests' }).initialize();
}

/** Runs a report into a file that is gone afterwards. */
export async function runToText(
  reports: Reports,
  name: string,
  parameters: ReportRequest['parameters'],
  options: Partial<Omit<ReportRequest, 'file' | 'parameters'>> & { asking?: Asking } = {},
): Promise<FinishedRun> {
  const { format = 'csv', maxBytes = 1e9, signal = new AbortController().signal, asking = auditor } = options;
  return inFile(async (file, read) => {
    const manifest = await reports.run(name, { parameters, format, file, maxBytes, signal }, asking);
    return { manifest, text: await read() };
  });
}

/** Lends an open file that is gone afterwards. */
export async function inFile<Result>(
  work: (file: ReportRequest['file'], read: () => Promise<string>) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(path.join(tmpdir(), 'session-ledger-report-'));
  const file = await open(path.join(folder, 'report'), 'wx+');
  try {
    return await work(file, () => readFile(path.join(folder, 'report'), 'utf8'));
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
}

export const auditor: Asking = { askedBy: 'the tests', caseId: 'AUDIT-7' };
