import { Controller, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiExtension, ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { LoginHistory } from '../query/login-history.js';
import { Caller, CurrentCaller } from './caller.js';
import { listTypeOf } from './json-body.js';
import { LimitedWork } from './limited-work.js';
import { BatchQueryDto } from './question.dto.js';
import { describedExamplesKey, ForRoles, Refuses } from './route-access.js';
import { sendPieces } from './send-pieces.js';
import { ServiceSettings } from './service-settings.js';
import { spoolUpload } from './upload-spool.js';

// Each keeps an upload on disk and two chunks of it in memory.
const batchesAtOnce = 4;

const csvList = 'transaction,userId,at\r\nT-1,alice,2026-03-04T02:14:00Z\r\n';
const ndjsonList = '{"transaction":"T-1","userId":"alice","at":"2026-03-04T02:14:00Z"}\n';
const csvAnswer = [
  'transaction,userId,at,login_answer,login_reason,login_settled,login_session_ids,login_evidence_seqs,login_error',
  'T-1,alice,2026-03-04T02:14:00Z,logged_in,,true,019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e,1234 1240,',
  '',
].join('\r\n');
const ndjsonAnswer =
  '{"transaction":"T-1","userId":"alice","at":"2026-03-04T02:14:00Z","loginState":{"answer":"logged_in","reason":null,' +
  '"settled":true,"sessionIds":["019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e"],"evidenceSeqs":[1234,1240],"error":null}}\n';

/** Lists of questions: the same rows come back in the same order, each with its answer. */
@ApiTags('questions')
@Controller('v1/login-state/batch')
export class BatchController {
  private readonly lists = new LimitedWork(batchesAtOnce, 'lists are being answered');

  constructor(
    private readonly history: LoginHistory,
    private readonly settings: ServiceSettings,
  ) {}

  /**
   * Answers a list of questions. CSV with a header that names `userId` and `at`, or NDJSON with such members; other columns come back untouched. A
   * row that cannot be answered gets its error in its own line. A failure after the first byte breaks the connection.
   */
  @Post()
  @HttpCode(200)
  @ForRoles('analyst', 'compliance')
  @Refuses('ERR_UNSUPPORTED_MEDIA_TYPE', 'ERR_UPLOAD_TOO_LARGE', 'ERR_COLUMN_COLLISION', 'ERR_LEDGER_BUSY')
  @ApiConsumes('text/csv', 'application/x-ndjson')
  @ApiProduces('text/csv', 'application/x-ndjson')
  @ApiBody({ schema: { type: 'string' } })
  @ApiExtension(describedExamplesKey, { 'text/csv': csvList, 'application/x-ndjson': ndjsonList })
  @ApiOkResponse({
    content: {
      'text/csv': { schema: { type: 'string' }, example: csvAnswer },
      'application/x-ndjson': { schema: { type: 'string' }, example: ndjsonAnswer },
    },
  })
  async answer(
    @Query() { caseId, ...asked }: BatchQueryDto,
    @CurrentCaller() caller: Caller,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const type = listTypeOf(request);
    await this.lists.run(async () => {
      const { uploadDirectory, maxUploadBytes } = this.settings;
      const upload = await spoolUpload(request, uploadDirectory, maxUploadBytes);
      const options = { ...asked, realm: caller.realm(asked.realm) };
      const asking = caller.asking(caseId);
      try {
        const answers =
          type === 'text/csv'
            ? this.history.answerCsv(upload.read(), asking, options)
            : this.history.answerNdjson(upload.read(), asking, options);
        await sendPieces(response, `${type}; charset=utf-8`, answers);
      } finally {
        await upload.close();
      }
    });
  }
}
