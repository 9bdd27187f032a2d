import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request } from 'express';
import type { Logger } from 'pino';
import { pinoHttp, type HttpLogger } from 'pino-http';
import { requestIdOf } from './request-id.js';

/**
 * One line for each request, with the route's pattern in place of the URL, in which user ids stand, and without
 * headers, in which keys do.
 */
export function requestLog(logger: Logger): HttpLogger {
  return pinoHttp({
    logger,
    genReqId: requestIdOf,
    quietReqLogger: true,
    serializers: { req: () => undefined, res: () => undefined, err: () => undefined },
    wrapSerializers: false,
    customAttributeKeys: { reqId: 'requestId', responseTime: 'milliseconds' },
    customLogLevel: (request, response) => levelOf(request, response),
    customSuccessObject: (request, response, times: object) => ({ ...times, ...factsOf(request, response) }),
    customErrorObject: (request, response, _, times: object) => ({ ...times, ...factsOf(request, response) }),
    customSuccessMessage: (_, response) => (response.writableFinished ? 'answered' : 'broken off'),
    customErrorMessage: (_, response) => (response.writableFinished ? 'answered' : 'broken off'),
  });
}

interface RequestFacts {
  method: string | undefined;
  route: string | undefined;
  status: number;
}

function factsOf(request: IncomingMessage, response: ServerResponse): RequestFacts {
  return { method: request.method, route: routeOf(request), status: response.statusCode };
}

/** Health checks come every few seconds from every load balancer; at `info` they would bury the rest. */
function levelOf(request: IncomingMessage, response: ServerResponse): 'info' | 'debug' {
  return routeOf(request)?.startsWith('/health/') === true && response.statusCode < 400 ? 'debug' : 'info';
}

function routeOf(request: IncomingMessage): string | undefined {
  const route = (request as Request).route as { path?: unknown } | undefined;
  return typeof route?.path === 'string' ? route.path : undefined;
}
