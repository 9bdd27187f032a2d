import { Body, Controller, Get, Header, Param, Post, Redirect, Req, UseFilters, UseGuards } from '@nestjs/common';
import { IsIn } from 'class-validator';
import type { Request } from 'express';
import { CurrentSession } from 'session-ledger';
import type { Customer, Role } from './customer.entity.js';
import { Customers } from './customers.js';
import { html, page, type Html } from './html.js';
import { ManagerGuard } from './manager.guard.js';
import { ToLoginPage } from './to-login-page.filter.js';

class RoleForm {
  @IsIn(['customer', 'manager'])
  role: Role;
}

@Controller('admin')
@UseGuards(ManagerGuard)
@UseFilters(ToLoginPage)
export class AdminController {
  constructor(private readonly customers: Customers) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  async customersPage(): Promise<string> {
    const rows = (await this.customers.all()).map(rowOf);
    return page(
      'Customers',
      html`<table>
        ${rows}
      </table>`,
    );
  }

  @Post(':userId/role')
  @Redirect('/admin', 303)
  async setRole(@Param('userId') userId: string, @Body() { role }: RoleForm): Promise<void> {
    await this.customers.setRole(userId, role);
  }

  @Post(':userId/lock')
  @Redirect('/admin', 303)
  async lock(
    @Param('userId') userId: string,
    @CurrentSession('userId') managerId: string,
    @Req() request: Request,
  ): Promise<void> {
    await this.customers.lock(userId, managerId, request);
  }
}

function rowOf({ userId, fullName, role, isLocked }: Customer): Html {
  const path = `/admin/${encodeURIComponent(userId)}`;
  return html`<tr>
    <td>${userId}</td>
    <td>${fullName}</td>
    <td>${isLocked ? 'locked' : role}</td>
    <td>
      <form method="post" action="${path}/lock"><button>Lock</button></form>
    </td>
  </tr>`;
}
