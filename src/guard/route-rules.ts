import { SetMetadata, type CustomDecorator, type ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { SessionLedgerError } from '../errors.js';

const publicKey = Symbol('PublicRoute');
const passiveKey = Symbol('PassiveUse');
const freshKey = Symbol('RequireFreshLogin');

/** What the decorators on a handler and its class ask of the guard. */
export interface RouteRules {
  readonly isPublic: boolean;
  readonly isPassive: boolean;
  readonly maxAgeSeconds: number | undefined;
}

/**
 * Lets requests through without a session: for the login itself, health, and pages for everyone. The check against
 * forged requests still holds. On a class it counts for all its routes.
 *
 * @example
 * \@PublicRoute()
 * \@Post('login')
 * login() {}
 */
export function PublicRoute(): CustomDecorator<symbol> {
  return SetMetadata(publicKey, true);
}

/**
 * Records the use of the session but does not move its idle deadline: for polling, which goes on when the person has
 * left (OWASP ASVS 5.0 7.3.1 asks for timeouts on inactivity of the user, not of the page).
 *
 * @example
 * \@PassiveUse()
 * \@Get('unread-count')
 * unreadCount() {}
 */
export function PassiveUse(): CustomDecorator<symbol> {
  return SetMetadata(passiveKey, true);
}

/**
 * Asks for an authentication not older than `maxAgeSeconds` (whole seconds, at least 1), by the ledger's clock: 401
 * `ERR_FRESH_LOGIN_REQUIRED` otherwise (RFC 9470 3). Renewing the session with `amr` after asking for the password
 * again makes it fresh.
 *
 * @example
 * \@RequireFreshLogin({ maxAgeSeconds: 300 })
 * \@Post('transfer')
 * transfer() {}
 */
export function RequireFreshLogin({ maxAgeSeconds }: { maxAgeSeconds: number }): CustomDecorator<symbol> {
  if (!Number.isInteger(maxAgeSeconds) || maxAgeSeconds < 1) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      '@RequireFreshLogin needs maxAgeSeconds, a whole number of at least 1',
    );
  }
  return SetMetadata(freshKey, maxAgeSeconds);
}

/** What is said on the handler counts before what is said on its class, also across the two kinds that exclude each other. */
export function routeRules(reflector: Reflector, context: ExecutionContext): RouteRules {
  for (const target of [context.getHandler(), context.getClass()]) {
    const maxAgeSeconds = reflector.get<number | undefined>(freshKey, target);
    const isPublic = maxAgeSeconds === undefined && reflector.get<true | undefined>(publicKey, target) === true;
    if (isPublic || maxAgeSeconds !== undefined)
      return { isPublic, isPassive: isPassive(reflector, context), maxAgeSeconds };
  }
  return { isPublic: false, isPassive: isPassive(reflector, context), maxAgeSeconds: undefined };
}

function isPassive(reflector: Reflector, context: ExecutionContext): boolean {
  return reflector.getAllAndOverride<true | undefined>(passiveKey, [context.getHandler(), context.getClass()]) === true;
}
