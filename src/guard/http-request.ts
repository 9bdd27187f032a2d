import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/**
 * What the guard needs of a request. Express requests, Fastify requests and Node's own all have it.
 *
 * @example
 * login(@Req() request: HttpRequest) {}
 */
export interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
  readonly method?: string | undefined;
}

/** Node's own request behind the framework's: one object per exchange, whichever wrapper the caller holds. */
export function nodeRequestOf(request: HttpRequest): IncomingMessage {
  const raw = 'raw' in request ? request.raw : request;
  return raw as IncomingMessage;
}

/** The one value of a header, or undefined where it is absent. Node joins what came repeatedly with a comma. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
