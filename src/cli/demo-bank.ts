import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import pg from 'pg';
import type { Variables } from '../environment.js';
import { SessionLedgerError } from '../errors.js';
import { migrate } from '../ledger/migrate.js';
import { embeddedDatabaseName } from '../main/embedded-database.js';
import type { RunningEmbeddedPostgres } from '../postgres/embedded-server.js';

/** The bank of examples/bank, in a process of its own, as its operator would run it. */
export interface DemoBank {
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts the bank on the database of a running ledger, with a login of its own that owns nothing of the ledger. */
export async function openBank(postgres: RunningEmbeddedPostgres, variables: Variables): Promise<DemoBank> {
  const databaseUrl = await makeBankLogin(postgres);
  const program = path.join(import.meta.dirname, '..', '..', 'examples', 'bank', 'src', 'main.js');
  const bank = spawn(process.execPath, [program], {
    env: { ...variables, DATABASE_URL: databaseUrl, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A Ctrl-C is for the demonstration, which then stops the bank before the database.
    detached: true,
  });
  const stop = async (): Promise<void> => {
    if (bank.exitCode !== null || bank.signalCode !== null) return;
    const ended = once(bank, 'exit');
    bank.kill('SIGTERM');
    await ended;
  };
  for await (const line of createInterface(bank.stdout)) {
    const address = /http:\S+/.exec(line)?.[0];
    if (address !== undefined) return { address, stop };
  }
  throw new SessionLedgerError('ERR_INTERNAL', 'the bank of the demonstration did not open; it said why above');
}

const bankLogin = 'bank';
const bankSchemaSql = `
CREATE SCHEMA bank AUTHORIZATION bank`;

async function makeBankLogin(postgres: RunningEmbeddedPostgres): Promise<string> {
  const ownerUrl = postgres.superuserUrl(embeddedDatabaseName);
  const password = randomBytes(24).toString('base64url');
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query(`CREATE ROLE ${bankLogin} LOGIN PASSWORD ${client.escapeLiteral(password)}`);
    await client.query(`ALTER ROLE ${bankLogin} SET search_path = bank`);
    await client.query(bankSchemaSql);
  } finally {
    await client.end();
  }
  await migrate({ url: ownerUrl, serviceLogin: bankLogin });
  return `postgres://${bankLogin}:${password}@127.0.0.1:${postgres.port}/${embeddedDatabaseName}`;
}
