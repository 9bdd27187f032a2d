import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SessionLedgerModule } from 'session-ledger';
import { AccountController } from './account.controller.js';
import { AdminController } from './admin.controller.js';
import { bankDatabase } from './bank-database.js';
import { Customer } from './customer.entity.js';
import { CustomerLoader } from './customer-loader.js';
import { Customers } from './customers.js';
import { LoginController } from './login.controller.js';
import { PasswordController } from './password.controller.js';
import { TransferController } from './transfer.controller.js';

@Module({
  imports: [
    TypeOrmModule.forRootAsync({ useFactory: bankDatabase }),
    TypeOrmModule.forFeature([Customer]),
    SessionLedgerModule.forRoot({
      guard: 'global',
      database: { dataSource: 'default' },
      application: 'bank',
      policy: 'pci-dss-4',
      subjectLoader: CustomerLoader,
    }),
  ],
  controllers: [LoginController, AccountController, TransferController, PasswordController, AdminController],
  providers: [Customers, CustomerLoader],
})
export class BankModule {}
