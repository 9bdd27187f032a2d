import { Module, type INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import pg from 'pg';
import supertest from 'supertest';
import { SessionLedgerModule, type SessionLedgerOptions } from '../../src/index.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { Accounts, BankController } from './bank.js';
import { layWire, type Wire } from './wire.js';

export const platforms = ['express', 'fastify'] as const;
export type Platform = (typeof platforms)[number];

/** A bank that serves real HTTP on a database of its own, over a wire that a test may cut. */
export interface RunningBank {
  readonly app: INestApplication;
  readonly http: ReturnType<typeof supertest>;
  readonly controller: BankController;
  readonly accounts: Accounts;
  readonly wire: Wire;
  /** Rows of the ledger, read by a superuser on a connection of its own. */
  rows<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>;
  stop(): Promise<void>;
}

export async function startBank(
  platform: Platform,
  settings: Partial<SessionLedgerOptions> = {},
): Promise<RunningBank> {
  const database = await createTestDatabase();
  const wire = await layWire(database.url);
  const options: SessionLedgerOptions = {
    database: { url: wire.url },
    application: 'bank',
    subjectLoader: Accounts,
    ...settings,
  };
  const app = await serve(platform, bankModule(options));
  return { ...partsOf(app), wire, ...(await reading(database)), stop: () => stop(app, wire, database) };
}

/** The bank's root module, as its developers would write it. */
export function bankModule(options: SessionLedgerOptions): new () => object {
  @Module({
    imports: [SessionLedgerModule.forRoot(options)],
    controllers: [BankController],
    providers: [Accounts],
  })
  class BankModule {}
  return BankModule;
}

export async function serve(platform: Platform, root: new () => object): Promise<INestApplication> {
  const module = await Test.createTestingModule({ imports: [root] }).compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = module.createNestApplication(adapter, { logger: false });
  await app.listen(0, '127.0.0.1');
  return app;
}

function partsOf(app: INestApplication) {
  return {
    app,
    http: supertest(app.getHttpServer()),
    controller: app.get(BankController),
    accounts: app.get(Accounts),
  };
}

async function reading(database: TestDatabase): Promise<Pick<RunningBank, 'rows'>> {
  return {
    rows: async <Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> => {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      try {
        return (await client.query<Row>(sql, values)).rows;
      } finally {
        await client.end();
      }
    },
  };
}

async function stop(app: INestApplication, wire: Wire, database: TestDatabase): Promise<void> {
  await app.close();
  await wire.remove();
  await database.drop();
}
