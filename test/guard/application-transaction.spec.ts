import { Controller, Inject, Module, Post, Query, Req, type INestApplication } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';
import supertest from 'supertest';
import type { DataSource } from 'typeorm';
import { SessionLedgerModule, Sessions, type HttpRequest } from '../../src/index.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { tokenOf } from './browser.js';
import { serve } from './running-bank.js';

/** An application that keeps a login table of its own and wants it to agree with the ledger. */
@Controller()
class LoginController {
  constructor(
    private readonly sessions: Sessions,
    @Inject(getDataSourceToken('bank')) private readonly dataSource: DataSource,
  ) {}

  @Post('login')
  async login(
    @Query('isolation') isolation: 'SERIALIZABLE' | undefined,
    @Query('fails') fails: string | undefined,
    @Req() request: HttpRequest,
  ) {
    const { token, session } = await this.dataSource.transaction(isolation ?? 'READ COMMITTED', async (manager) => {
      await manager.query(`INSERT INTO public.login (user_id) VALUES ('alice')`);
      const opened = await this.sessions.open({ userId: 'alice' }, { request, manager });
      if (fails !== undefined) throw new Error('the application changed its mind');
      return opened;
    });
    this.sessions.deliver(token, request);
    return session;
  }

  @Post('close-account')
  async closeAccount() {
    return this.dataSource.transaction(async (manager) => {
      await manager.query(`INSERT INTO public.login (user_id) VALUES ('closed')`);
      return this.sessions.revokeSessions('alice', { reason: 'account_disabled' }, { manager });
    });
  }
}

describe("the application's own DataSource and transaction", () => {
  let database: TestDatabase;
  let client: pg.Client;
  let app: INestApplication;
  let http: ReturnType<typeof supertest>;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('CREATE TABLE public.login (user_id text NOT NULL)');

    @Module({
      imports: [
        TypeOrmModule.forRoot({ name: 'bank', type: 'postgres', url: database.url, retryAttempts: 0 }),
        SessionLedgerModule.forRoot({ database: { dataSource: 'bank' }, application: 'bank' }),
      ],
      controllers: [LoginController],
    })
    class BankModule {}
    app = await serve('express', BankModule);
    http = supertest(app.getHttpServer());
  });

  afterAll(async () => {
    await app.close();
    await client.end();
    await database.drop();
  });

  beforeEach(async () => {
    await client.query('TRUNCATE public.login');
  });

  const counts = async (): Promise<{ logins: number; created: number; live: number }> => {
    const { rows } = await client.query<{ logins: number; created: number; live: number }>(`
      SELECT (SELECT count(*)::integer FROM public.login) AS logins,
             (SELECT count(*)::integer FROM session_ledger.event WHERE kind = 'created') AS created,
             (SELECT count(*)::integer FROM session_ledger.session WHERE ended_at IS NULL) AS live`);
    return rows[0] ?? { logins: -1, created: -1, live: -1 };
  };

  it('commit the login row and the created event together, and then hand out the cookie', async () => {
    const before = await counts();
    const response = await http.post('/login').expect(201);
    expect(tokenOf(response)).toHaveLength(64);
    expect(await counts()).toEqual({ logins: 1, created: before.created + 1, live: before.live + 1 });
  });

  it('leave neither of them behind when the application rolls back, and no cookie', async () => {
    const before = await counts();
    const response = await http.post('/login').query({ fails: 'yes' }).expect(500);
    expect(response.headers['set-cookie']).toBeUndefined();
    expect(await counts()).toEqual(before);
  });

  it('are refused above READ COMMITTED, where a login in flight could be missed', async () => {
    const before = await counts();
    await http.post('/login').query({ isolation: 'SERIALIZABLE' }).expect(500);
    expect(await counts()).toEqual(before);
  });

  it('revoke within the transaction too', async () => {
    await http.post('/login').expect(201);
    const { live } = await counts();
    expect((await http.post('/close-account').expect(201)).body).toEqual({ revoked: live });
    expect(await counts()).toMatchObject({ logins: 2, live: 0 });
  });

  it('can be passed to forRootAsync as they are', async () => {
    @Module({
      imports: [
        TypeOrmModule.forRoot({ name: 'other', type: 'postgres', ...partsOf(database.url), retryAttempts: 0 }),
        SessionLedgerModule.forRootAsync({
          inject: [getDataSourceToken('other')],
          useFactory: (dataSource: DataSource) => ({ database: { dataSource }, application: 'other' }),
        }),
      ],
    })
    class OtherModule {}
    const other = await serve('fastify', OtherModule);
    const { session } = await other.get(Sessions).open({ userId: 'bob' });
    expect(session.application).toBe('other');
    await other.close();
  });
});

function partsOf(url: string) {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    host: hostname,
    port: Number(port),
    username,
    password: decodeURIComponent(password),
    database: pathname.slice(1),
  };
}
