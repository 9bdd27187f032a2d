import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { LoginHistory } from '../query/login-history.js';
import { Caller, CurrentCaller } from './caller.js';
import {
  ClientPageAnswer,
  EventPageAnswer,
  LoggedInAnswer,
  SessionPageAnswer,
  OneSessionAnswer,
} from './history-answer.dto.js';
import { sessionIdParameter, userIdParameter } from './path-parameters.js';
import { questionRefusals } from './question-refusals.js';
import { AskingDto, ClientsQueryDto, LoggedInQueryDto, PageDto, SessionsQueryDto } from './question.dto.js';
import { ForRoles, Refuses } from './route-access.js';
import { checkedSessionId } from './session-id.js';

/** The facts of the ledger: sessions, events, who was there, and from where. */
@ApiTags('questions')
@ForRoles('analyst', 'compliance')
@Controller('v1')
export class HistoryController {
  constructor(private readonly history: LoginHistory) {}

  /** The sessions of a user, newest first. */
  @Get('users/:userId/sessions')
  @Refuses('ERR_INVALID_USER_ID', 'ERR_INVALID_INSTANT', 'ERR_RANGE_REVERSED', 'ERR_INVALID_CURSOR')
  @ApiParam(userIdParameter)
  async sessionsOf(
    @Param('userId') userId: string,
    @Query() { caseId, realm, ...question }: SessionsQueryDto,
    @CurrentCaller() caller: Caller,
  ): Promise<SessionPageAnswer> {
    return this.history.sessionsOf({ ...question, userId, realm: caller.realm(realm) }, caller.asking(caseId));
  }

  /** One session. */
  @Get('sessions/:sessionId')
  @Refuses('ERR_SESSION_NOT_FOUND')
  @ApiParam(sessionIdParameter)
  async session(
    @Param('sessionId') sessionId: string,
    @Query() { caseId }: AskingDto,
    @CurrentCaller() caller: Caller,
  ): Promise<OneSessionAnswer> {
    return this.history.session(checkedSessionId(sessionId), caller.asking(caseId));
  }

  /** What happened in a session, event by event. */
  @Get('sessions/:sessionId/events')
  @Refuses('ERR_SESSION_NOT_FOUND', 'ERR_INVALID_CURSOR')
  @ApiParam(sessionIdParameter)
  async events(
    @Param('sessionId') sessionId: string,
    @Query() { caseId, ...page }: PageDto,
    @CurrentCaller() caller: Caller,
  ): Promise<EventPageAnswer> {
    return this.history.events(checkedSessionId(sessionId), page, caller.asking(caseId));
  }

  /** Everyone logged in at an instant. */
  @Get('logged-in')
  @Refuses(...questionRefusals, 'ERR_INVALID_CURSOR')
  async loggedInAt(
    @Query() { caseId, realm, ...question }: LoggedInQueryDto,
    @CurrentCaller() caller: Caller,
  ): Promise<LoggedInAnswer> {
    caller.refuseOtherApplications(question.application);
    return this.history.loggedInAt({ ...question, realm: caller.realm(realm) }, caller.asking(caseId));
  }

  /** Which sessions and users were seen from an address, a network, or with an agent. */
  @Get('clients')
  @Refuses('ERR_INVALID_INSTANT', 'ERR_RANGE_REVERSED', 'ERR_INVALID_CURSOR')
  async clientsSeen(
    @Query() { caseId, ...question }: ClientsQueryDto,
    @CurrentCaller() caller: Caller,
  ): Promise<ClientPageAnswer> {
    return this.history.clientsSeen(question, caller.asking(caseId));
  }
}
