import type { FileHandle } from 'node:fs/promises';
import type { PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import type { Instant } from '../ledger/instant.js';
import { queryRows } from '../ledger/named-query.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import type { Asking } from '../query/asking.js';
import { readCoverage } from '../query/coverage.js';
import { Questions, type RecordedQuestion } from '../query/question.js';
import type { ReportManifest } from './manifest.js';
import { productVersion } from './product-version.js';
import type { ReportDefinition } from './report-definition.js';
import { ReportFile } from './report-file.js';
import { resolveParameters, type GivenParameters } from './report-parameters.js';
import { recordManifest, recordRun, type RunParameters } from './report-question.js';
import { inSnapshot, reportRows } from './report-snapshot.js';
import type { RowFormat } from './row-format.js';

/** What to run, and where its file goes. */
export interface ReportRun {
  readonly definition: ReportDefinition;
  readonly parameters: GivenParameters;
  readonly format: RowFormat;
  /** Open for writing, empty. */
  readonly file: FileHandle;
  readonly maxBytes: number;
  /** Aborts when nobody waits for the file any more. */
  readonly signal: AbortSignal;
}

/**
 * Runs a report into a file. That it was asked for is on record before the first row is read, and its outcome before
 * this returns.
 *
 * @returns the manifest of the file
 * @throws SessionLedgerError ERR_REPORT_TOO_LARGE, ERR_LEDGER_BUSY (longer than 15 minutes), ERR_LEDGER_UNAVAILABLE, and
 * those of `resolveParameters`
 */
export async function runReport(reader: DataSource, run: ReportRun, asking: Asking): Promise<ReportManifest> {
  const questions = new Questions(reader);
  const clock = await readClock(reader).catch(inTermsOfTheLedger);
  const parameters = resolveParameters(run.definition, run.parameters, { ...asking, ...clock });
  const recorded = await recordRun(reader, questions, asking, run.definition.name, parameters).catch(
    inTermsOfTheLedger,
  );
  const progress = { rowCount: 0 };
  try {
    const manifest = await writeReport(reader, run, parameters, { recorded, asking, progress });
    await recordManifest(questions, recorded, manifest);
    return manifest;
  } catch (failure) {
    if (!run.signal.aborted) throw await questions.recordFailure(recorded, failure, progress.rowCount);
    await questions.recordOutcome(recorded, { outcome: 'abandoned', rowCount: progress.rowCount });
    throw failure;
  }
}

const readClockSql = `
SELECT settled_at AS horizon, session_ledger.ledger_clock() AS "databaseNow" FROM session_ledger.horizon`;

async function readClock(reader: DataSource): Promise<{ horizon: Instant; databaseNow: Instant }> {
  const [clock] = await queryRows<{ horizon: Instant; databaseNow: Instant }>(reader, {
    name: 'read_report_clock',
    text: readClockSql,
    values: [],
  });
  return clock!;
}

interface Asked {
  readonly recorded: RecordedQuestion;
  readonly asking: Asking;
  readonly progress: { rowCount: number };
}

async function writeReport(
  reader: DataSource,
  { definition, format, file, maxBytes, signal }: ReportRun,
  parameters: RunParameters,
  { recorded, asking, progress }: Asked,
): Promise<ReportManifest> {
  const output = new ReportFile(file, maxBytes);
  await output.write(format.head(definition.columns));
  const asKnownAt = parameters['asKnownAt'] as Instant;
  const found = await inSnapshot(reader, signal, async (client) => {
    for await (const rows of reportRows(client, definition, parameters)) {
      await output.write(format.body(definition.columns, rows));
      progress.rowCount += rows.length;
    }
    const { applications, gaps } = await readCoverage(client, asKnownAt, parameters['applications'] as string[] | null);
    const knowledge = { applications, gaps: gaps.map(({ seq, from, to }) => ({ seq, from, to })) };
    return { knowledge, schemaVersion: await readSchemaVersion(client) };
  });
  const { name, title, question, sha256 } = definition;
  const { askedBy, caseId = null } = asking;
  const fileName = `${name}-${recorded.questionId}.${format.extension}`;
  return {
    manifest: 'session-ledger/report-manifest/1',
    report: { name, title, question, definitionSha256: sha256 },
    run: { id: recorded.questionId, askedBy, askedAt: recorded.askedAt, caseId },
    parameters,
    asKnownAt,
    ...found,
    rowCount: progress.rowCount,
    files: [{ name: fileName, mediaType: format.mediaType, ...(await output.finish()) }],
    notes: format.notes,
    checkpoint: null,
    product: await productVersion(),
  };
}

const schemaVersionSql = `
SELECT name FROM session_ledger.migration ORDER BY id DESC LIMIT 1`;

async function readSchemaVersion(client: PoolClient): Promise<string> {
  const [newest] = await queryRows<{ name: string }>(client, {
    name: 'read_schema_version',
    text: schemaVersionSql,
    values: [],
  });
  return newest!.name;
}

function inTermsOfTheLedger(failure: unknown): never {
  throw toSessionLedgerError(failure);
}
