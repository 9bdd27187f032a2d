import { Body, Controller, Get, Header, HttpCode, Post, Redirect, Req, Res, UseFilters } from '@nestjs/common';
import { IsString, Length } from 'class-validator';
import type { Request, Response } from 'express';
import { CurrentSession, PublicRoute, Sessions, type LiveSession } from 'session-ledger';
import { Customers } from './customers.js';
import { html, page } from './html.js';
import { ToLoginPage } from './to-login-page.filter.js';

class LoginForm {
  @IsString()
  @Length(1, 255)
  userId: string;

  @IsString()
  @Length(1, 1000)
  password: string;
}

class ConfirmForm {
  @IsString()
  @Length(1, 1000)
  password: string;
}

@Controller()
@UseFilters(ToLoginPage)
export class LoginController {
  constructor(
    private readonly customers: Customers,
    private readonly sessions: Sessions,
  ) {}

  @PublicRoute()
  @Get('login')
  @Header('content-type', 'text/html; charset=utf-8')
  loginPage(): string {
    return loginPage('');
  }

  @PublicRoute()
  @Post('login')
  async login(@Body() form: LoginForm, @Req() request: Request, @Res() response: Response): Promise<void> {
    if (!(await this.customers.isPasswordOf(form.userId, form.password))) {
      response.status(401).type('html').send(loginPage('That user name and password do not go together.'));
      return;
    }
    await this.sessions.open({ userId: form.userId, amr: ['pwd'] }, request);
    response.redirect(303, '/account');
  }

  @Post('logout')
  @HttpCode(303)
  @Redirect('/login', 303)
  async logout(@Req() request: Request): Promise<void> {
    await this.sessions.logout(request);
  }

  @Post('logout-elsewhere')
  @Redirect('/account', 303)
  async logoutElsewhere(@CurrentSession() { userId, sessionId }: LiveSession, @Req() request: Request): Promise<void> {
    await this.sessions.revokeSessions(userId, { reason: 'logout', exceptSessionId: sessionId }, request);
  }

  @Get('confirm')
  @Header('content-type', 'text/html; charset=utf-8')
  confirmPage(@CurrentSession('userId') userId: string): string {
    return confirmPage(userId, '');
  }

  /** The password again: the session counts as freshly logged in, under a new token. */
  @Post('confirm')
  async confirm(
    @Body() form: ConfirmForm,
    @CurrentSession('userId') userId: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    if (!(await this.customers.isPasswordOf(userId, form.password))) {
      response.status(401).type('html').send(confirmPage(userId, 'That is not the password.'));
      return;
    }
    await this.sessions.renew(request, { amr: ['pwd'] });
    response.redirect(303, '/transfer');
  }
}

function loginPage(problem: string): string {
  return page(
    'Log in',
    html`<p role="alert">${problem}</p>
      <form method="post" action="/login">
        <label>User <input name="userId" autocomplete="username" required /></label>
        <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
        <button>Log in</button>
      </form>`,
  );
}

function confirmPage(userId: string, problem: string): string {
  return page(
    'Your password again',
    html`<p role="alert">${problem}</p>
      <form method="post" action="/confirm">
        <input type="hidden" name="userId" value="${userId}" autocomplete="username" />
        <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
        <button>Go on</button>
      </form>`,
  );
}
