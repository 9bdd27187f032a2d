import { Controller, Get, HttpCode, Inject, Module, Param, Post, Req, UseGuards } from '@nestjs/common';
import { CurrentSession, SessionGuard, SessionLedgerModule, Sessions, type HttpRequest } from '../../dist/src/index.js';
import type { PeerApp } from './serve.js';

@Controller()
class Routes {
  constructor(@Inject(Sessions) private readonly sessions: Sessions) {}

  @Post('login/:userId')
  @HttpCode(200)
  async login(@Param('userId') userId: string, @Req() request: HttpRequest): Promise<object> {
    await this.sessions.open({ userId, amr: ['pwd'] }, request);
    return {};
  }

  @UseGuards(SessionGuard)
  @Get('guarded')
  guarded(@CurrentSession('userId') userId: string): { userId: string } {
    return { userId };
  }
}

@Module({
  imports: [SessionLedgerModule.forRoot({ database: { url: process.env['DATABASE_URL']! }, policy: 'pci-dss-4' })],
  controllers: [Routes],
})
class LedgerApp {}

/** This package, as it comes: every guarded request is on the ledger before it is answered. */
export function ledgerApp(): PeerApp {
  return { module: LedgerApp };
}
