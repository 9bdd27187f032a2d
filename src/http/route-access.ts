import { applyDecorators, SetMetadata, type CustomDecorator } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension } from '@nestjs/swagger';
import type { SessionLedgerErrorCode } from '../errors.js';
import type { ApiKeyRole } from '../operator/api-key.js';

/** Where the guard finds which roles a route is for; a route that says neither this nor `OpenToAll` is refused. */
export const routeRolesKey = 'session-ledger:roles';
export const openToAllKey = 'session-ledger:open-to-all';

/** Where the description of the API finds the same, and which refusals a route has of its own. */
export const describedRolesKey = 'x-roles';
export const describedRefusalsKey = 'x-refusals';
/** And examples of a request by media type, where its body has no schema to take them from. */
export const describedExamplesKey = 'x-request-examples';

type RouteDecorator = ClassDecorator & MethodDecorator;

/** The route is for keys with one of these roles. */
export const ForRoles = (...roles: ApiKeyRole[]): RouteDecorator =>
  applyDecorators(SetMetadata(routeRolesKey, roles), ApiBearerAuth(), ApiExtension(describedRolesKey, roles));

/** The route needs no API key. */
export const OpenToAll = (): CustomDecorator => SetMetadata(openToAllKey, true);

/** For the description alone: errors of this route, beside those that every route has. */
export const Refuses = (...codes: SessionLedgerErrorCode[]): RouteDecorator =>
  applyDecorators(ApiExtension(describedRefusalsKey, codes));
