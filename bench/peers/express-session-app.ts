import {
  Controller,
  Get,
  HttpCode,
  Injectable,
  Module,
  Param,
  Post,
  Req,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import connectPgSimple from 'connect-pg-simple';
import { RedisStore } from 'connect-redis';
import session, { type Store } from 'express-session';
import { createClient } from 'redis';
import type { PeerApp } from './serve.js';

interface SessionRequest {
  session: { userId?: string };
}

@Injectable()
class LoggedInGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return (
      sessionOf(context.switchToHttp().getRequest<SessionRequest | { raw: SessionRequest }>()).userId !== undefined
    );
  }
}

@Controller()
class Routes {
  @Post('login/:userId')
  @HttpCode(200)
  login(@Param('userId') userId: string, @Req() request: SessionRequest): object {
    sessionOf(request).userId = userId;
    return {};
  }

  @UseGuards(LoggedInGuard)
  @Get('guarded')
  guarded(@Req() request: SessionRequest): { userId: string | undefined } {
    return { userId: sessionOf(request).userId };
  }
}

@Module({ controllers: [Routes], providers: [LoggedInGuard] })
class ExpressSessionApp {}

/** express-session on PostgreSQL: one SELECT and one UPDATE of the deadline per request. */
export function postgresSessionApp(): PeerApp {
  const PostgresStore = connectPgSimple(session);
  return appOn(new PostgresStore({ conString: process.env['DATABASE_URL'], createTableIfMissing: true }));
}

/** express-session on Redis: one GET and one EXPIRE per request, in memory. */
export async function redisSessionApp(): Promise<PeerApp> {
  const client = createClient({ url: process.env['REDIS_URL'] });
  await client.connect();
  return appOn(new RedisStore({ client }));
}

function appOn(store: Store): PeerApp {
  const fifteenMinutes = 15 * 60 * 1000;
  const middleware = session({
    store,
    secret: 'a secret that signs session ids',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: fifteenMinutes, sameSite: 'lax', httpOnly: true },
  });
  return { module: ExpressSessionApp, install: (app) => void app.use(middleware) };
}

/** On Fastify, middleware works on Node's own request behind Fastify's. */
function sessionOf(request: SessionRequest | { raw: SessionRequest }): SessionRequest['session'] {
  return ('raw' in request ? request.raw : request).session;
}
