import type { FileHandle } from 'node:fs/promises';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import type { Asking } from '../query/asking.js';
import { Questions } from '../query/question.js';
import type { ReportManifest } from './manifest.js';
import { ReportDefinitions } from './report-definitions.js';
import type { GivenParameters } from './report-parameters.js';
import { readManifest } from './report-question.js';
import type { RowFormat } from './row-format.js';
import { runReport } from './run-report.js';
import { csv } from './write-csv.js';
import { ndjson } from './write-ndjson.js';

/** The formats of a report's file. */
export type ReportFormat = keyof typeof formats;

/** One run of a report. */
export interface ReportRequest {
  readonly parameters: GivenParameters;
  readonly format: ReportFormat;
  /** Open for writing, empty. */
  readonly file: FileHandle;
  readonly maxBytes: number;
  /** Aborts when nobody waits for the file any more. */
  readonly signal: AbortSignal;
}

const formats = { csv, ndjson } satisfies Record<string, RowFormat>;

/** Running reports. The room's door. */
export class Reports {
  /** @param reader acts as the ledger's reader, which may write down questions and nothing else */
  constructor(
    private readonly reader: DataSource,
    readonly definitions: ReportDefinitions = new ReportDefinitions(),
  ) {}

  /** Writes the file and returns its manifest; see `runReport`. */
  async run(name: string, { format, ...request }: ReportRequest, asking: Asking): Promise<ReportManifest> {
    const definition = await this.definitions.named(name);
    return runReport(this.reader, { ...request, definition, format: formats[format] }, asking);
  }

  /**
   * The manifest of an earlier run, with user ids as far as they were not erased since. It names them, so asking for it is recorded.
   *
   * @throws SessionLedgerError `ERR_NOT_FOUND`, also for a run that shows more than whoever asks may see
   */
  async manifest(runId: number, asking: Asking): Promise<ReportManifest> {
    return new Questions(this.reader).answer(
      { kind: 'report_manifest', asking, about: {}, parameters: { runId } },
      () => this.manifestFor(runId, asking),
      () => 1,
    );
  }

  private async manifestFor(runId: number, { realm, applications }: Asking): Promise<ReportManifest> {
    const manifest = await readManifest(this.reader, runId);
    const { realm: ofRealm, applications: ofApplications } = manifest.parameters;
    const isInRealm = realm === undefined || realm === ofRealm;
    const isOfApplications =
      applications === undefined ||
      (Array.isArray(ofApplications) && ofApplications.every((name: string) => applications.includes(name)));
    if (isInRealm && isOfApplications) return manifest;
    throw new SessionLedgerError('ERR_NOT_FOUND', 'there is no such run of a report');
  }
}
