import { Body, Controller, Headers, HttpCode, Param, Post } from '@nestjs/common';
import { ApiHeader, ApiParam, ApiTags } from '@nestjs/swagger';
import { SessionLedgerError } from '../errors.js';
import { IdempotentOpenings } from '../operator/idempotent-opening.js';
import { Sessions } from '../session/sessions.js';
import { Caller, CurrentCaller } from './caller.js';
import { sessionIdParameter } from './path-parameters.js';
import { ForRoles, Refuses } from './route-access.js';
import { OpenSessionDto, RenewSessionDto, RevokeSessionDto, UseSessionDto } from './session.dto.js';
import { checkedSessionId } from './session-id.js';
import { RevokedAnswer, TokenAnswer, UseAnswer } from './session-answer.dto.js';
import { SessionScopes } from './session-scopes.js';

/** Sessions by their token or id: what applications in any language do with them. */
@ApiTags('sessions')
@Controller('v1/sessions')
export class SessionsController {
  constructor(
    private readonly sessions: Sessions,
    private readonly openings: IdempotentOpenings,
    private readonly scope: SessionScopes,
  ) {}

  /** Opens a session. The token is shown this once. */
  @Post()
  @ForRoles('application')
  @Refuses(
    'ERR_INVALID_USER_ID',
    'ERR_INVALID_POLICY',
    'ERR_POLICY_LOOSENED',
    'ERR_SENSITIVE_ATTRIBUTE',
    'ERR_TOO_MANY_SESSIONS',
  )
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'A retry revokes the session whose token was lost',
    example: '8e03978e-40d5-43e8-bc93-6894a57f9324',
  })
  async open(
    @Body() body: OpenSessionDto,
    @CurrentCaller() caller: Caller,
    @Headers('Idempotency-Key') idempotencyKey?: string,
  ): Promise<TokenAnswer> {
    const { recordedBy, key } = caller;
    const realm = caller.realm(body.realm);
    const actor = caller.actor(body.actor, realm);
    const replaces = await this.replacedBy(body, caller);
    const input = { ...body, realm, actor, application: caller.application(body.application), replaces };
    const opened =
      idempotencyKey === undefined
        ? await this.sessions.open(input, { recordedBy })
        : await this.openings.open(
            { apiKeyId: key.apiKeyId, idempotencyKey: checkedIdempotencyKey(idempotencyKey) },
            input,
            recordedBy,
          );
    return { token: opened.token, session: opened.session };
  }

  /** Records a use. Whatever is not a live token gets `{active: false}` and no word about why. */
  @Post('use')
  @HttpCode(200)
  @ForRoles('application')
  async use(@Body() body: UseSessionDto, @CurrentCaller() caller: Caller): Promise<UseAnswer> {
    if (!(await this.scope.allowsToken(caller, body.token))) return { active: false };
    const { client, passive } = body;
    const used = await this.sessions.use(body.token, { client, passive, recordedBy: caller.recordedBy });
    return used.active ? { active: true, session: used.session } : { active: false };
  }

  /** Gives the session a new secret; the old token is dead from here on. */
  @Post(':sessionId/renew')
  @HttpCode(200)
  @ForRoles('application')
  @Refuses('ERR_SESSION_NOT_LIVE', 'ERR_SENSITIVE_ATTRIBUTE')
  @ApiParam(sessionIdParameter)
  async renew(
    @Param('sessionId') sessionId: string,
    @Body() { token, ...input }: RenewSessionDto,
    @CurrentCaller() caller: Caller,
  ): Promise<TokenAnswer> {
    if (!(await this.scope.allowsToken(caller, token)))
      throw new SessionLedgerError('ERR_SESSION_NOT_LIVE', 'this token is not live; log the user in again');
    return this.sessions.renew(token, {
      ...input,
      sessionId: checkedSessionId(sessionId),
      recordedBy: caller.recordedBy,
    });
  }

  /** Ends a session, at once and on every instance. */
  @Post(':sessionId/revoke')
  @HttpCode(200)
  @ForRoles('application', 'admin')
  @Refuses('ERR_SESSION_NOT_FOUND', 'ERR_SENSITIVE_ATTRIBUTE')
  @ApiParam(sessionIdParameter)
  async revoke(
    @Param('sessionId') sessionId: string,
    @Body() { reason, actor, ...input }: RevokeSessionDto,
    @CurrentCaller() caller: Caller,
  ): Promise<RevokedAnswer> {
    const id = checkedSessionId(sessionId);
    await this.scope.refuseOtherSessions(caller, id);
    const { recordedBy } = caller;
    const realm = actor === undefined || actor.realm !== undefined ? undefined : await this.scope.realmOf(id);
    return this.sessions.revoke(id, { ...input, reason, actor: caller.actor(actor, realm), recordedBy });
  }

  /** A token of somebody else's session is none here, as it is none in a use. */
  private async replacedBy({ replaces }: OpenSessionDto, caller: Caller): Promise<string | undefined> {
    if (replaces === undefined || (await this.scope.allowsToken(caller, replaces))) return replaces;
    return undefined;
  }
}

function checkedIdempotencyKey(text: string): string {
  if (/^[\x20-\x7e]{1,255}$/.test(text)) return text;
  throw new SessionLedgerError('ERR_INVALID_INPUT', 'an Idempotency-Key has 1 to 255 printable ASCII characters', {
    field: 'Idempotency-Key',
  });
}
