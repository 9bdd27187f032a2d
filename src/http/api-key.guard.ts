import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { SessionLedgerError } from '../errors.js';
import type { ApiKey, ApiKeyRole } from '../operator/api-key.js';
import { ApiKeyAuthentication } from '../operator/authenticate-api-key.js';
import { Caller, rememberCaller } from './caller.js';
import { FailedAuthentications } from './failed-authentications.js';
import { refuseMisplacedSecrets } from './misplaced-secret.js';
import { openToAllKey, routeRolesKey } from './route-access.js';
import { ServiceSettings } from './service-settings.js';

/** Lets a request through that carries a live API key with a role of the route (RFC 6750 2.1: `Authorization: Bearer`). */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  private readonly failures = new FailedAuthentications();

  constructor(
    private readonly authentication: ApiKeyAuthentication,
    private readonly reflector: Reflector,
    private readonly settings: ServiceSettings,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(openToAllKey, route) === true) return true;
    const request = context.switchToHttp().getRequest<Request>();
    const key = await this.authenticate(request);
    const roles = this.reflector.getAllAndOverride<ApiKeyRole[] | undefined>(routeRolesKey, route) ?? [];
    if (!roles.some((role) => key.roles.includes(role)))
      throw new SessionLedgerError('ERR_FORBIDDEN', `this needs an API key with the role ${roles.join(' or ')}`);
    rememberCaller(request, new Caller(key, this.settings, caseIdOf(request)));
    return true;
  }

  /** @throws SessionLedgerError ERR_UNAUTHORIZED or ERR_TOO_MANY_REQUESTS unless the request carries a live API key. */
  async authenticate(request: Request): Promise<ApiKey> {
    const bearer = /^Bearer +([^ ]+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    const key = bearer === undefined ? undefined : await this.authentication.holderOf(bearer);
    if (key !== undefined) return key;
    const retryAfterSeconds = this.failures.count(this.settings.addressOf(request));
    if (retryAfterSeconds !== undefined)
      throw new SessionLedgerError('ERR_TOO_MANY_REQUESTS', 'too many failed authentications from this address', {
        retryAfterSeconds,
      });
    throw new SessionLedgerError(
      'ERR_UNAUTHORIZED',
      bearer === undefined ? 'send "Authorization: Bearer <API key>"' : 'this API key is not live',
    );
  }
}

function caseIdOf(request: Request): string | undefined {
  const caseId = request.headers['x-case-id'];
  if (caseId === undefined || caseId === '') return undefined;
  if (typeof caseId === 'string' && caseId.length <= 255) {
    refuseMisplacedSecrets(caseId, 'X-Case-Id');
    return caseId;
  }
  throw new SessionLedgerError('ERR_INVALID_INPUT', 'X-Case-Id has at most 255 characters', { field: 'X-Case-Id' });
}
