import 'reflect-metadata';
import { Body, Controller, Get, Module, Post, Req } from '@nestjs/common';
import { PublicRoute, SessionLedgerModule, Sessions, type HttpRequest } from 'session-ledger';

@Controller()
class AccountController {
  constructor(private readonly sessions: Sessions) {}

  @PublicRoute()
  @Post('login')
  async login(@Body() { userId }: { userId: string }, @Req() request: HttpRequest): Promise<void> {
    await this.sessions.open({ userId }, request);
  }

  @Get('account')
  account(): { cents: number } {
    return { cents: 250_000 };
  }
}

const url = process.env['DATABASE_URL'] ?? '';

@Module({
  imports: [SessionLedgerModule.forRoot({ guard: 'global', database: { url } })],
  controllers: [AccountController],
})
export class AppModule {}
