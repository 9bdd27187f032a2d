import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Body, Controller, Get, Header, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { SessionLedgerError } from '../errors.js';
import { manifestText, type ReportManifest } from '../report/manifest.js';
import { Reports } from '../report/reports.js';
import { Caller, CurrentCaller } from './caller.js';
import type { InJson } from './in-json.js';
import { LimitedWork } from './limited-work.js';
import { openNameless } from './nameless-file.js';
import { ReportDefinitionAnswer, ReportListAnswer, ReportManifestAnswer } from './report-answer.dto.js';
import { RunReportDto } from './run-report.dto.js';
import { ForRoles, Refuses } from './route-access.js';
import { ServiceSettings } from './service-settings.js';
import { breakOffWhenStalled, longestStallMs } from './stalled-reader.js';

// Each keeps its file on disk until the last byte was sent.
const runsAtOnce = 4;

const nameParameter = { name: 'name', description: 'The name of a report', example: 'login-state' } as const;
const csvFile = 'user_id,asked_at,answer\r\nalice,2026-03-04T02:14:00.000000Z,logged_in\r\n';
const ndjsonFile = '{"user_id":"alice","asked_at":"2026-03-04T02:14:00.000000Z","answer":"logged_in"}\n';

/** Reports for auditors: what there is, running them, and the manifests of their files. */
@ApiTags('reports')
@ForRoles('analyst', 'compliance')
@Controller('v1')
export class ReportsController {
  private readonly runs = new LimitedWork(runsAtOnce, 'reports are being made or sent');

  constructor(
    private readonly reports: Reports,
    private readonly settings: ServiceSettings,
  ) {}

  /** Every report there is. */
  @Get('reports')
  @ApiOkResponse({ type: ReportListAnswer })
  async list(): Promise<ReportListAnswer> {
    const reports = await this.reports.definitions.list();
    const items = reports.map(({ name, title, question, roles }) => ({ name, title, question, roles: [...roles] }));
    return { items, next: null };
  }

  /** One report: its parameters, its columns, and its statement. */
  @Get('reports/:name')
  @Refuses('ERR_NOT_FOUND')
  @ApiParam(nameParameter)
  @ApiOkResponse({ type: ReportDefinitionAnswer })
  async definition(@Param('name') name: string): Promise<InJson<ReportDefinitionAnswer>> {
    const { statement: _, ...described } = await this.reports.definitions.named(name);
    return described;
  }

  /**
   * Runs a report. The file is made whole before its first byte goes out, so that a run that fails is a problem and not
   * half a file; its digest (RFC 9530) comes before it, and `Link` (RFC 8288) says where its manifest lies.
   */
  @Post('reports/:name/runs')
  @HttpCode(200)
  @Refuses(
    'ERR_NOT_FOUND',
    'ERR_INSTANT_IN_FUTURE',
    'ERR_NOT_SETTLED',
    'ERR_RANGE_REVERSED',
    'ERR_REPORT_TOO_LARGE',
    'ERR_LEDGER_BUSY',
  )
  @ApiParam(nameParameter)
  @ApiOkResponse({
    headers: {
      'Content-Digest': { description: 'SHA-256 of the file (RFC 9530)', schema: { type: 'string' } },
      Link: { description: 'Where its manifest lies, as `describedby` (RFC 8288)', schema: { type: 'string' } },
    },
    content: {
      'text/csv': { schema: { type: 'string' }, example: csvFile },
      'application/x-ndjson': { schema: { type: 'string' }, example: ndjsonFile },
    },
  })
  async run(
    @Param('name') name: string,
    @Body() { parameters = {}, format = 'csv', caseId }: RunReportDto,
    @CurrentCaller() caller: Caller,
    @Res() response: Response,
  ): Promise<void> {
    const { roles } = await this.reports.definitions.named(name);
    refuseOtherRoles(roles, caller);
    const realm = caller.realm(realmIn(parameters));
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the client is gone')));
    await this.runs.run(async () => {
      const file = await openNameless(this.settings.uploadDirectory);
      try {
        const request = { parameters: { ...parameters, realm }, format, file, maxBytes: this.settings.maxReportBytes };
        const manifest = await this.reports.run(name, { ...request, signal: gone.signal }, caller.asking(caseId));
        await send(file, manifest, response);
      } catch (failure) {
        if (!gone.signal.aborted) throw failure; // else there is nobody to tell, and the run is on record as abandoned
      } finally {
        await file.close();
      }
    });
  }

  /** The manifest of a run: what its file must be, and how it came about. */
  @Get('report-runs/:runId/manifest')
  @Refuses('ERR_NOT_FOUND')
  @ApiParam({ name: 'runId', description: 'From the `Link` of a run', example: 77 })
  @ApiOkResponse({ type: ReportManifestAnswer })
  @Header('Content-Type', 'application/json; charset=utf-8')
  async manifest(@Param('runId') runId: string, @CurrentCaller() caller: Caller): Promise<string> {
    const manifest = await this.reports.manifest(runIdOf(runId), caller.asking(undefined));
    refuseOtherRoles((await this.reports.definitions.named(manifest.report.name)).roles, caller);
    return manifestText(manifest);
  }
}

async function send(file: FileHandle, { run, files }: ReportManifest, response: Response): Promise<void> {
  const { name, mediaType, bytes, sha256 } = files[0]!;
  response.status(200).set({
    'Content-Type': mediaType,
    'Content-Length': String(bytes),
    'Content-Disposition': `attachment; filename="${name}"`,
    'Content-Digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
    Link: `</v1/report-runs/${run.id}/manifest>; rel="describedby"; type="application/json"`,
  });
  breakOffWhenStalled(response, longestStallMs);
  // A failure from here on breaks the connection: half a file never looks like a whole one.
  await pipeline(file.createReadStream({ start: 0, autoClose: false }), response);
}

function refuseOtherRoles(roles: readonly string[], caller: Caller): void {
  if (caller.key.roles.some((role) => roles.includes(role))) return;
  throw new SessionLedgerError('ERR_FORBIDDEN', `this report needs an API key with the role ${roles.join(' or ')}`);
}

/** null is a parameter left out, as it is in the report. */
function realmIn({ realm }: Record<string, unknown>): string | undefined {
  if (realm === undefined || realm === null) return undefined;
  if (typeof realm === 'string') return realm;
  throw new SessionLedgerError('ERR_INVALID_INPUT', 'realm must be a text', { field: 'parameters.realm' });
}

function runIdOf(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new SessionLedgerError('ERR_NOT_FOUND', 'there is no such run of a report', { field: 'runId' });
}
