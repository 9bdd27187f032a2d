import { Body, Controller, Get, Header, Post, Redirect, UseFilters } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsInt, IsString, Length, Max, Min } from 'class-validator';
import { CurrentSession, RequireFreshLogin } from 'session-ledger';
import { Customers } from './customers.js';
import { html, page } from './html.js';
import { ToLoginPage } from './to-login-page.filter.js';

class TransferForm {
  @IsString()
  @Length(1, 255)
  to: string;

  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100_000_000)
  cents: number;
}

/** Money moves only for somebody who gave the password within the last five minutes. */
@Controller('transfer')
@RequireFreshLogin({ maxAgeSeconds: 300 })
@UseFilters(ToLoginPage)
export class TransferController {
  constructor(private readonly customers: Customers) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  transferPage(): string {
    return page(
      'Transfer money',
      html`<form method="post" action="/transfer">
        <label>To <input name="to" required /></label>
        <label>Cents <input name="cents" type="number" min="1" required /></label>
        <button>Transfer</button>
      </form>`,
    );
  }

  @Post()
  @Redirect('/account', 303)
  async transfer(@Body() { to, cents }: TransferForm, @CurrentSession('userId') userId: string): Promise<void> {
    await this.customers.transfer(userId, to, cents);
  }
}
