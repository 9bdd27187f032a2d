import { Body, Controller, Get, Header, Post, Req, UseFilters } from '@nestjs/common';
import { IsString, Length } from 'class-validator';
import type { Request } from 'express';
import { CurrentSession, RequireFreshLogin, type LiveSession } from 'session-ledger';
import { Customers } from './customers.js';
import { html, page } from './html.js';
import { ToLoginPage } from './to-login-page.filter.js';

class PasswordForm {
  // NIST SP 800-63B-4 3.1.1.2: 15 characters where the password is the only factor.
  @IsString()
  @Length(15, 1000)
  password: string;
}

@Controller('password')
@RequireFreshLogin({ maxAgeSeconds: 300 })
@UseFilters(ToLoginPage)
export class PasswordController {
  constructor(private readonly customers: Customers) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  passwordPage(): string {
    return page(
      'Change password',
      html`<form method="post" action="/password">
        <label>New password <input name="password" type="password" autocomplete="new-password" required /></label>
        <button>Change</button>
      </form>`,
    );
  }

  @Post()
  @Header('content-type', 'text/html; charset=utf-8')
  async changePassword(
    @Body() { password }: PasswordForm,
    @CurrentSession() { userId, sessionId }: LiveSession,
    @Req() request: Request,
  ): Promise<string> {
    const ended = await this.customers.changePassword(userId, password, sessionId, request);
    return page('Password changed', html`<p>Logged out elsewhere: ${ended}. <a href="/account">Go on</a></p>`);
  }
}
