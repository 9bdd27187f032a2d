import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { guardedRequest, type HttpRequest } from 'session-ledger';
import type { Customer } from './customer.entity.js';

/** Runs after the session guard, on the customer it loaded for this very request. */
@Injectable()
export class ManagerGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const subject = guardedRequest(context.switchToHttp().getRequest<HttpRequest>())?.subject as Customer | undefined;
    return subject?.role === 'manager';
  }
}
