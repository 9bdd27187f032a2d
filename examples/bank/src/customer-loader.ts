import { Injectable } from '@nestjs/common';
import type { LiveSession, SubjectLoader } from 'session-ledger';
import type { Customer } from './customer.entity.js';
import { Customers } from './customers.js';

/** Asked at every guarded request, so that a locked account or a lost role counts at once. */
@Injectable()
export class CustomerLoader implements SubjectLoader<Customer> {
  constructor(private readonly customers: Customers) {}

  load({ userId }: LiveSession): Promise<Customer | null> {
    return this.customers.findUnlocked(userId);
  }
}
