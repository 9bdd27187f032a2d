import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiParam, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { LoginHistory } from '../query/login-history.js';
import { proofOfAnswer } from '../seal/proof-of-answer.js';
import { Caller, CurrentCaller } from './caller.js';
import { InvalidInput } from './invalid-input.js';
import { LoginStateAnswer, LoginStateOverAnswer } from './login-state-answer.dto.js';
import { userIdParameter } from './path-parameters.js';
import { EvidenceFileAnswer } from './proof-answer.dto.js';
import { questionRefusals } from './question-refusals.js';
import { LoginStateDto, LoginStateQueryDto } from './question.dto.js';
import { ForRoles, Refuses } from './route-access.js';
import { operatorDatabase } from './service-databases.js';

type Answer = Awaited<
  | ReturnType<LoginHistory['loginStateAt']>
  | ReturnType<LoginHistory['loginStateOver']>
  | ReturnType<typeof proofOfAnswer>
>;

const answers = [LoginStateAnswer, LoginStateOverAnswer, EvidenceFileAnswer] as const;
// For an instant, for a range, and for an instant with its proof.
const oneOfAnswers = { schema: { oneOf: answers.map((answer) => ({ $ref: getSchemaPath(answer) })) } };

/** What only a question over a range meets. */
const rangeRefusals = ['ERR_RANGE_REVERSED', 'ERR_REPORT_TOO_LARGE'] as const;
/** What only a question with `proof` meets, beside ERR_REPORT_TOO_LARGE. */
const proofRefusals = ['ERR_NOT_PROVABLE', 'ERR_EVIDENCE_REJECTED'] as const;

/** Was this user logged in then? */
@ApiTags('questions')
@ApiExtraModels(...answers)
@Controller('v1')
export class LoginStateController {
  constructor(
    private readonly history: LoginHistory,
    @Inject(operatorDatabase) private readonly database: DataSource,
  ) {}

  /** Was this user logged in then? The primary form: any user id, and nothing about the user in a URL. */
  @Post('login-state')
  @HttpCode(200)
  @ForRoles('analyst', 'compliance')
  @Refuses(...questionRefusals, ...rangeRefusals, ...proofRefusals)
  @ApiOkResponse(oneOfAnswers)
  async ask(@Body() question: LoginStateDto, @CurrentCaller() caller: Caller): Promise<Answer> {
    return this.answer(question, caller);
  }

  /** Was this user logged in then? The same for a link; the user id is percent-encoded. */
  @Get('users/:userId/login-state')
  @ForRoles('analyst', 'compliance')
  @Refuses(...questionRefusals, ...rangeRefusals, ...proofRefusals)
  @ApiOkResponse(oneOfAnswers)
  @ApiParam(userIdParameter)
  async askInUrl(
    @Param('userId') userId: string,
    @Query() question: LoginStateQueryDto,
    @CurrentCaller() caller: Caller,
  ): Promise<Answer> {
    return this.answer({ ...question, userId }, caller);
  }

  private async answer(question: LoginStateDto, caller: Caller): Promise<Answer> {
    const { userId, at, from, to, zone, knownAt, application, caseId, proof = false } = question;
    caller.refuseOtherApplications(application);
    const asked = { userId, realm: caller.realm(question.realm), zone, knownAt, application };
    const asking = caller.asking(caseId);
    if (proof) refuseUnprovable(question, caller);
    if (from === undefined && to === undefined) {
      const answer = await this.history.loginStateAt({ ...asked, at, proof }, asking);
      return proof ? proofOfAnswer(this.database, answer, caller.recordedBy) : answer;
    }
    if (at !== undefined)
      throw new InvalidInput([{ field: 'at', detail: 'ask either at an instant or from one to another' }]);
    if (from === undefined) throw new InvalidInput([{ field: 'from', detail: 'from must stand beside to' }]);
    if (to === undefined) throw new InvalidInput([{ field: 'to', detail: 'to must stand beside from' }]);
    return this.history.loginStateOver({ ...asked, from, to }, asking);
  }
}

/** A proof shows leaves of all realms, and says how the ledger stands, not how it stood or over a range. */
function refuseUnprovable({ from, to, knownAt }: LoginStateDto, caller: Caller): void {
  if (!caller.isUnbound)
    throw new SessionLedgerError('ERR_FORBIDDEN', 'this API key is bound; a proof shows leaves of all realms');
  if (from === undefined && to === undefined && knownAt === undefined) return;
  throw new InvalidInput([{ field: 'proof', detail: 'goes with a question about one instant, without knownAt' }]);
}
