import { Controller, Get, Header, Redirect, UseFilters } from '@nestjs/common';
import { CurrentSession, CurrentSubject, PassiveUse, type LiveSession } from 'session-ledger';
import type { Customer } from './customer.entity.js';
import { amount, html, page, type Html } from './html.js';
import { ToLoginPage } from './to-login-page.filter.js';

@Controller()
@UseFilters(ToLoginPage)
export class AccountController {
  @Get()
  @Redirect('/account', 303)
  home(): void {
    // The decorator is the answer.
  }

  @Get('account')
  @Header('content-type', 'text/html; charset=utf-8')
  account(@CurrentSession() session: LiveSession, @CurrentSubject() customer: Customer): string {
    return page(
      customer.fullName,
      html`<p>You own ${amount(customer.cents)}.</p>
        <p>Logged in since ${session.createdAt}; without a click you are logged out at ${session.expiresAt}.</p>
        <p><a href="/transfer">Transfer money</a> <a href="/password">Change password</a> ${adminLink(customer)}</p>
        <form method="post" action="/logout-elsewhere"><button>Log out everywhere else</button></form>
        <form method="post" action="/logout"><button>Log out</button></form>
        <script>
          setInterval(() => fetch('/account/balance').then((a) => a.ok || location.assign('/login')), 15000);
        </script>`,
    );
  }

  /** Asked by the page every 15 seconds, also when nobody sits before it: that must not keep the session alive. */
  @PassiveUse()
  @Get('account/balance')
  balance(@CurrentSubject() customer: Customer): { cents: string } {
    return { cents: customer.cents };
  }
}

function adminLink({ role }: Customer): Html {
  return role === 'manager' ? html`<a href="/admin">Manage customers</a>` : html``;
}
