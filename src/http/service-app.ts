import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Draining } from './draining.js';
import { jsonBodyBytes, jsonBodyMs, refuseOtherMediaTypes, refuseSlowBodies, verifyJsonBody } from './json-body.js';
import { serveOpenApi } from './openapi.js';
import { ProblemFilter } from './problem.filter.js';
import { requestIdOf } from './request-id.js';
import { requestLog } from './request-log.js';
import { NestLog } from './service-log.js';
import { ServiceModule, type ServiceParts } from './service.module.js';

/** Builds the service over Express, ready to listen. */
export async function createServiceApp(parts: ServiceParts, logger: Logger): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(ServiceModule.of(parts), {
    bodyParser: false,
    rawBody: true,
    abortOnError: false,
    logger: new NestLog(logger),
  });
  app.disable('x-powered-by');
  // Nothing may be kept of an answer, so there is nothing to compare: no digest is computed for it, and no 304 given.
  app.disable('etag');
  // One address for each route: what looks at the path before the router does must not be got around by another spelling.
  app.enable('strict routing');
  app.enable('case sensitive routing');
  app.use(requestLog(logger));
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  app.use(neverStored);
  app.use(closedWhileDraining(parts.draining));
  app.use(refuseOtherMediaTypes);
  app.use(refuseSlowBodies(jsonBodyMs));
  app.useBodyParser('json', { limit: jsonBodyBytes, type: 'application/json', inflate: false });
  app.use(verifyJsonBody);
  app.useGlobalFilters(new ProblemFilter(logger));
  serveOpenApi(app);
  return app;
}

/** Whoever keeps a connection open is to open the next one elsewhere (RFC 9112 9.6). */
function closedWhileDraining(draining: Draining): (request: Request, response: Response, next: NextFunction) => void {
  return (_, response, next) => {
    if (draining.hasBegun) response.setHeader('Connection', 'close');
    next();
  };
}

/** Answers hold tokens, and who was logged in when: no cache on the way may keep one (RFC 9111 5.2.2.5). */
function neverStored(request: Request, response: Response, next: NextFunction): void {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Request-Id', requestIdOf(request));
  next();
}
