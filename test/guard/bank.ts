import { Body, Controller, Get, Injectable, Post, Req, Res, UseGuards } from '@nestjs/common';
import {
  CurrentSession,
  CurrentSubject,
  PassiveUse,
  PublicRoute,
  RequireFreshLogin,
  SessionGuard,
  Sessions,
  type HttpRequest,
  type LiveSession,
  type SubjectLoader,
} from '../../src/index.js';

/** The accounts of a bank that uses the library; a test changes them while requests come in. */
@Injectable()
export class Accounts implements SubjectLoader<{ roles: string[] }> {
  readonly roles = new Map<string, string[]>();

  load({ userId }: LiveSession): Promise<{ roles: string[] } | null | undefined> {
    const roles = this.roles.get(userId) ?? ['customer'];
    if (roles.includes('deleted')) return Promise.resolve(undefined);
    return Promise.resolve(roles.includes('closed') ? null : { roles });
  }
}

/** A bank as an application developer would write it: a login that is public, and routes behind the guard. */
@UseGuards(SessionGuard)
@Controller()
export class BankController {
  /** Handlers that ran although a request was refused would show here. */
  readonly payments: string[] = [];

  constructor(private readonly sessions: Sessions) {}

  @PublicRoute()
  @Post('login')
  async login(
    @Body('userId') userId: string,
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: { header(name: string, value: string): void },
  ): Promise<LiveSession> {
    response.header('Set-Cookie', 'theme=dark; Path=/');
    return (await this.sessions.open({ userId, amr: ['pwd'] }, request)).session;
  }

  @PublicRoute()
  @Post('logout')
  logout(@Req() request: HttpRequest): Promise<{ revoked: number }> {
    return this.sessions.logout(request);
  }

  @PublicRoute()
  @Get('rates')
  rates(@CurrentSession() session: LiveSession | undefined): { isPublic: boolean } {
    return { isPublic: session === undefined };
  }

  @Post('renew')
  async renew(@Body('amr') amr: string[] | undefined, @Req() request: HttpRequest): Promise<LiveSession> {
    return (await this.sessions.renew(request, amr === undefined ? {} : { amr })).session;
  }

  @Get('me')
  me(@CurrentSession() session: LiveSession): LiveSession {
    return session;
  }

  @Get('my-id')
  myId(@CurrentSession('userId') userId: string): { userId: string } {
    return { userId };
  }

  @Get('roles')
  roles(@CurrentSubject() subject: { roles: string[] }): { roles: string[] } {
    return subject;
  }

  @PassiveUse()
  @Get('unread')
  unread(@CurrentSession() session: LiveSession): LiveSession {
    return session;
  }

  @Post('pay')
  pay(@CurrentSession('userId') userId: string): { paid: true } {
    this.payments.push(userId);
    return { paid: true };
  }

  @RequireFreshLogin({ maxAgeSeconds: 2 })
  @Post('transfer')
  transfer(): { transferred: true } {
    return { transferred: true };
  }

  @Post('log-out-elsewhere')
  elsewhere(
    @CurrentSession() { userId, sessionId }: LiveSession,
    @Req() request: HttpRequest,
  ): Promise<{ revoked: number }> {
    return this.sessions.revokeSessions(userId, { reason: 'logout', exceptSessionId: sessionId }, request);
  }

  @Post('log-out-one')
  one(@Body('sessionId') sessionId: string, @Req() request: HttpRequest): Promise<{ revoked: number }> {
    return this.sessions.revoke(sessionId, { reason: 'logout' }, { request });
  }
}
