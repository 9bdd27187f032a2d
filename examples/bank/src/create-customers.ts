import type { MigrationInterface, QueryRunner } from 'typeorm';
import { hashPassword } from './password.js';

const tableSql = `
CREATE TABLE bank_customer (
  user_id text PRIMARY KEY,
  full_name text NOT NULL,
  password_hash text NOT NULL,
  role text NOT NULL CHECK (role IN ('customer', 'manager')),
  is_locked boolean NOT NULL DEFAULT false,
  cents bigint NOT NULL CHECK (cents >= 0)
)`;

const customerSql = `
INSERT INTO bank_customer (user_id, full_name, password_hash, role, cents) VALUES ($1, $2, $3, $4, $5)`;

/** The passwords are printed in the README: these people exist to be tried out. */
const people = [
  { userId: 'alice', fullName: 'Alice Adler', password: 'correct horse battery', role: 'customer', cents: 250_000 },
  { userId: 'bob', fullName: 'Bob Brandt', password: 'staple lamp river', role: 'customer', cents: 40_000 },
  { userId: 'carol', fullName: 'Carol Cohen', password: 'violin orange window', role: 'manager', cents: 900_000 },
];

export class CreateCustomers1767225600000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(tableSql);
    for (const { userId, fullName, password, role, cents } of people) {
      await queryRunner.query(customerSql, [userId, fullName, await hashPassword(password), role, cents]);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE bank_customer');
  }
}
