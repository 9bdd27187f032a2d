import { BadRequestException, Injectable } from '@nestjs/common';
import { InjectDataSource, InjectRepository } from '@nestjs/typeorm';
import { DataSource, MoreThanOrEqual, Repository } from 'typeorm';
import { Sessions, type HttpRequest } from 'session-ledger';
import { Customer, type Role } from './customer.entity.js';
import { hashPassword, isPasswordOf } from './password.js';

/** The bank's customers: who they are, what they own, what they may do. */
@Injectable()
export class Customers {
  constructor(
    @InjectRepository(Customer) private readonly customers: Repository<Customer>,
    @InjectDataSource() private readonly database: DataSource,
    private readonly sessions: Sessions,
  ) {}

  all(): Promise<Customer[]> {
    return this.customers.find({ order: { userId: 'ASC' } });
  }

  findUnlocked(userId: string): Promise<Customer | null> {
    return this.customers.findOneBy({ userId, isLocked: false });
  }

  async isPasswordOf(userId: string, password: string): Promise<boolean> {
    const found = await this.customers.findOne({
      where: { userId, isLocked: false },
      select: { userId: true, passwordHash: true },
    });
    return isPasswordOf(found?.passwordHash, password);
  }

  /** The new password and the end of every other login are one transaction: both happen, or neither. */
  async changePassword(
    userId: string,
    password: string,
    exceptSessionId: string,
    request: HttpRequest,
  ): Promise<number> {
    const passwordHash = await hashPassword(password);
    return this.database.transaction('READ COMMITTED', async (manager) => {
      await manager.update(Customer, { userId }, { passwordHash });
      const input = { reason: 'password_changed', exceptSessionId };
      return (await this.sessions.revokeSessions(userId, input, { manager, request })).revoked;
    });
  }

  async transfer(from: string, to: string, cents: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      const enough = { userId: from, cents: MoreThanOrEqual(String(cents)) };
      const taken = await manager.decrement(Customer, enough, 'cents', cents);
      const given = await manager.increment(Customer, { userId: to }, 'cents', cents);
      if (taken.affected !== 1 || given.affected !== 1 || from === to) {
        throw new BadRequestException('The account does not hold that much, or there is no such receiver.');
      }
    });
  }

  async setRole(userId: string, role: Role): Promise<void> {
    await this.customers.update({ userId }, { role });
  }

  /** Locks the account and ends every session of it, one in flight included, by order of a manager. */
  async lock(userId: string, managerId: string, request: HttpRequest): Promise<number> {
    return this.database.transaction('READ COMMITTED', async (manager) => {
      await manager.update(Customer, { userId }, { isLocked: true });
      const input = { reason: 'account_disabled', actor: { userId: managerId } };
      return (await this.sessions.revokeSessions(userId, input, { manager, request })).revoked;
    });
  }
}
