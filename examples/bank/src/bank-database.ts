import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { Customer } from './customer.entity.js';
import { CreateCustomers1767225600000 } from './create-customers.js';

/** The bank's own database; the ledger lives in a schema of its own beside the bank's tables. */
export function bankDatabase(): TypeOrmModuleOptions {
  const url = process.env['DATABASE_URL'];
  if (url === undefined) throw new Error('set DATABASE_URL to the PostgreSQL database that holds the bank');
  return {
    type: 'postgres',
    url,
    entities: [Customer],
    migrations: [CreateCustomers1767225600000],
    migrationsRun: true,
    migrationsTableName: 'bank_migration',
    installExtensions: false,
    retryAttempts: 0,
  };
}
