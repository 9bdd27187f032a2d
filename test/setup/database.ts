import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { databaseUrl, testServerVariable, testTemplateVariable } from './test-server.js';

/** A database of one spec file. `url` logs in as a superuser; `drop` disconnects whoever is still on it. */
export interface TestDatabase {
  url: string;
  name: string;
  drop(): Promise<void>;
}

/** A database with every migration applied, cloned in about 60 ms from the template that the run migrated once. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return createFrom(required(testTemplateVariable));
}

/** A database in which nothing was migrated: for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createFrom('template0');
}

async function createFrom(template: string): Promise<TestDatabase> {
  const name = `ledger_test_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  return {
    url: databaseUrl(required(testServerVariable), name),
    name,
    drop: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: required(testServerVariable) });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function required(variable: string): string {
  const value = process.env[variable];
  if (value === undefined) throw new Error(`${variable} is not set: run this file through jest, whose set-up sets it`);
  return value;
}
