import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { LiveSession } from '../session/live-session.js';
import { nodeRequestOf, type HttpRequest } from './http-request.js';
import { KeptWithRequest } from './kept-with-request.js';

/**
 * What the guard found out about a request it let through.
 *
 * @example
 * const { session, subject }: GuardedRequest = guardedRequest(request) ?? fail();
 */
export interface GuardedRequest {
  readonly session: LiveSession;
  /** What the application's subject loader returned; undefined where there is none. */
  readonly subject: unknown;
}

const guarded = new KeptWithRequest<GuardedRequest>();

export function rememberGuarded(request: HttpRequest, found: GuardedRequest): void {
  guarded.set(nodeRequestOf(request), found);
}

/**
 * The session and subject of a request that the guard let through; undefined on a public route.
 *
 * @example
 * const userId = guardedRequest(request)?.session.userId;
 */
export function guardedRequest(request: HttpRequest): GuardedRequest | undefined {
  return guarded.get(nodeRequestOf(request));
}

/**
 * The live session of the request, or one of its properties. `undefined` on a public route.
 *
 * @example
 * \@Get('me')
 * me(@CurrentSession() session: LiveSession, @CurrentSession('userId') userId: string) {}
 */
export const CurrentSession: (property?: keyof LiveSession) => ParameterDecorator = createParamDecorator(
  (property: keyof LiveSession | undefined, context: ExecutionContext) => {
    const session = guardedRequest(context.switchToHttp().getRequest<HttpRequest>())?.session;
    return property === undefined ? session : session?.[property];
  },
);

/**
 * What the application's subject loader returned for this request.
 *
 * @example
 * \@Get('accounts')
 * accounts(@CurrentSubject() subject: Account) {}
 */
export const CurrentSubject: () => ParameterDecorator = createParamDecorator(
  (_: undefined, context: ExecutionContext) =>
    guardedRequest(context.switchToHttp().getRequest<HttpRequest>())?.subject,
);
