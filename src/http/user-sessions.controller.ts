import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { Sessions } from '../session/sessions.js';
import { Caller, CurrentCaller } from './caller.js';
import { userIdParameter } from './path-parameters.js';
import { ForRoles, Refuses } from './route-access.js';
import { RevokedAnswer } from './session-answer.dto.js';
import { RevokeSessionsDto } from './session.dto.js';

/** What is done to all sessions of a user at once. */
@ApiTags('sessions')
@Controller('v1/users/:userId')
export class UserSessionsController {
  constructor(private readonly sessions: Sessions) {}

  /**
   * Ends every session of the user: a login in flight is either before this, and revoked, or after it. A key that is bound
   * to applications ends those of its applications, and no others.
   */
  @Post('revoke-sessions')
  @HttpCode(200)
  @ForRoles('application', 'admin')
  @Refuses('ERR_INVALID_USER_ID', 'ERR_SENSITIVE_ATTRIBUTE')
  @ApiParam(userIdParameter)
  async revokeSessions(
    @Param('userId') userId: string,
    @Body() { actor, ...input }: RevokeSessionsDto,
    @CurrentCaller() caller: Caller,
  ): Promise<RevokedAnswer> {
    const { recordedBy } = caller;
    const realm = caller.realm(input.realm);
    const applications = caller.key.applications ?? undefined;
    return this.sessions.revokeSessions(userId, {
      ...input,
      realm,
      applications,
      actor: caller.actor(actor, realm),
      recordedBy,
    });
  }
}
