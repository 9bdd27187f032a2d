import { APP_FILTER } from '@nestjs/core';
import { Controller, Get, Module, Post, Req, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import supertest from 'supertest';
import {
  CurrentSession,
  PublicRoute,
  LoginHistory,
  SessionLedgerErrorFilter,
  SessionLedgerModule,
  Sessions,
  type HttpRequest,
  type SessionLedgerOptions,
} from '../../src/index.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../setup/database.js';
import { cookieName, fromHere, tokenOf } from './browser.js';
import { serve } from './running-bank.js';

@Controller()
class SmallController {
  constructor(private readonly sessions: Sessions) {}

  @PublicRoute()
  @Post('login')
  async login(@Req() request: HttpRequest): Promise<void> {
    await this.sessions.open({ userId: 'alice', attributes: { deviceId: '4111 1111 1111 1111' } }, request);
  }

  @PublicRoute()
  @Post('plain-login')
  async plainLogin(@Req() request: HttpRequest): Promise<void> {
    await this.sessions.open({ userId: 'alice' }, request);
  }

  @Get('me')
  me(@CurrentSession('userId') userId: string): { userId: string } {
    return { userId };
  }
}

describe('SessionLedgerModule', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });

  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  const started = async (root: new () => object): Promise<INestApplication> => serve('express', root);
  const refusalOf = async (options: object): Promise<{ code: string; message: string }> => {
    const module = Test.createTestingModule({
      imports: [SessionLedgerModule.forRoot(options as SessionLedgerOptions)],
    });
    return module.compile().then(
      () => ({ code: 'started', message: '' }),
      (error: { code: string; message: string }) => error,
    );
  };

  it('lists every mistake of its options at once', async () => {
    const { code, message } = await refusalOf({
      database: {},
      realm: '',
      policy: 'nist-aal9',
      cookie: { secure: false },
      afterRestore: 'ignore',
      pools: { writers: 0 },
      uses: { maxBatch: 0, maxBatches: 3 } as never,
      cokie: {},
    });
    expect(code).toBe('ERR_CONFIGURATION');
    const mistakes = [
      'database needs a url',
      'realm',
      'policy names no preset',
      'cookie.secure',
      'afterRestore',
      'pools.writers',
      'uses.maxBatch must be a whole number from 1 to 1000',
      'uses.maxBatches is not an option',
      'cokie',
    ];
    for (const mistake of mistakes) expect(message).toContain(mistake);
    expect(message.split('\n  - ')).toHaveLength(mistakes.length + 1);
  });

  it('never repeats a database URL that it cannot read', async () => {
    const { message } = await refusalOf({ database: { url: 'postgres//app:hunter2@localhost' } });
    expect(message).toContain('the database URL is not a URL');
    expect(message).not.toContain('hunter2');
  });

  it('refuses a database that is behind and says how to migrate it, unless told to migrate itself', async () => {
    const empty = await createEmptyDatabase();
    const refused = await refusalOf({ database: { url: empty.url } });
    expect(refused).toMatchObject({
      code: 'ERR_DATABASE_BEHIND',
      message: expect.stringContaining('session-ledger migrate'),
    });

    @Module({ imports: [SessionLedgerModule.forRoot({ database: { url: empty.url }, migrate: true })] })
    class MigratingModule {}
    const app = await started(MigratingModule);
    const { session } = await app.get(Sessions).open({ userId: 'alice' });
    expect(session.userId).toBe('alice');
    await app.close();
    await empty.drop();
  });

  it('leaves no connection behind when its start cannot be recorded', async () => {
    await client.query(
      `SELECT setval('session_ledger.clock_floor', ((extract(epoch FROM clock_timestamp()) + 3600) * 1000000)::bigint)`,
    );
    const { code } = await refusalOf({ database: { url: database.url }, application: 'too-early' });
    await client.query(
      `SELECT setval('session_ledger.clock_floor', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)`,
    );
    expect(code).toBe('ERR_CLOCK_BEHIND');
    const left = async (): Promise<number> =>
      (
        await client.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'session-ledger too-early'`,
        )
      ).rows.length;
    // The server takes a moment to see the last of a connection that was closed.
    for (let looks = 0; looks < 100 && (await left()) > 0; looks += 1) await pause(50);
    expect(await left()).toBe(0);
  });

  it('refuses a subject loader that no module provides', async () => {
    class Homeless {
      load = () => Promise.resolve(null);
    }
    @Module({ imports: [SessionLedgerModule.forRoot({ database: { url: database.url }, subjectLoader: Homeless })] })
    class HomelessModule {}
    await expect(started(HomelessModule)).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION',
      message: expect.stringContaining('Homeless'),
    });
  });

  it('puts the application and its policy on the ledger once, however often it starts', async () => {
    @Module({
      imports: [
        SessionLedgerModule.forRoot({ database: { url: database.url }, application: 'shop', policy: 'pci-dss-4' }),
      ],
    })
    class ShopModule {}
    await (await started(ShopModule)).close();
    await (await started(ShopModule)).close();
    const { rows } = await client.query<{ kind: string; name: string | null }>(
      `SELECT kind, detail ->> 'name' AS name FROM session_ledger.event WHERE application = 'shop' ORDER BY seq`,
    );
    expect(rows).toEqual([
      { kind: 'application_recorded', name: null },
      { kind: 'policy_set', name: 'pci-dss-4' },
    ]);
  });

  it.each([
    ['revoke', 'restored'],
    ['keep', null],
  ] as const)(
    'when the database was restored and afterRestore is %s, live sessions end as %s',
    async (afterRestore, reason) => {
      @Module({ imports: [SessionLedgerModule.forRoot({ database: { url: database.url }, afterRestore })] })
      class RestoredModule {}
      const before = await started(RestoredModule);
      const { session } = await before.get(Sessions).open({ userId: 'alice' });
      await before.close();
      // What a backup of another cluster would say of itself.
      await client.query(`UPDATE session_ledger.horizon SET identity = '{"systemIdentifier": "1", "timeline": 1}'`);
      await (await started(RestoredModule)).close();
      const { rows } = await client.query<{ end_reason: string | null; gaps: number }>(
        `SELECT end_reason, (SELECT count(*)::integer FROM session_ledger.event e WHERE e.kind = 'gap' AND e.recorded_at > s.created_at) AS gaps
         FROM session_ledger.session s WHERE session_id = $1`,
        [session.sessionId],
      );
      expect(rows).toEqual([{ end_reason: reason, gaps: 1 }]);
    },
  );

  it('raises the horizon in the background, and not where told not to', async () => {
    const horizon = async (): Promise<number> => {
      const { rows } = await client.query<{ at: Date }>('SELECT settled_at AS at FROM session_ledger.horizon');
      return rows[0]?.at.getTime() ?? 0;
    };
    const movesWith = async (background: boolean): Promise<boolean> => {
      @Module({ imports: [SessionLedgerModule.forRoot({ database: { url: database.url }, background })] })
      class BackgroundModule {}
      const app = await started(BackgroundModule);
      const before = await horizon();
      await pause(1_200);
      const after = await horizon();
      await app.close();
      return after > before;
    };
    expect(await movesWith(false)).toBe(false);
    expect(await movesWith(true)).toBe(true);
  });

  it('answers who was logged in, and records who asked', async () => {
    @Module({ imports: [SessionLedgerModule.forRoot({ database: { url: database.url }, application: 'history' })] })
    class AskingModule {}
    const app = await started(AskingModule);
    const { session } = await app.get(Sessions).open({ userId: 'asked-about' });
    const question = { userId: 'asked-about', at: session.createdAt };
    const state = await app.get(LoginHistory).loginStateAt(question, { askedBy: 'ann', caseId: 'D-17' });
    expect(state).toMatchObject({ answer: 'logged_in', sessions: [{ sessionId: session.sessionId }] });
    const { rows } = await client.query('SELECT asked_by, case_id FROM session_ledger.question');
    expect(rows).toEqual([{ asked_by: 'ann', case_id: 'D-17' }]);
    await app.close();
  });

  it('guards every route when told to, except public ones', async () => {
    @Module({
      imports: [
        SessionLedgerModule.forRootAsync({ guard: 'global', useFactory: () => ({ database: { url: database.url } }) }),
      ],
      controllers: [SmallController],
    })
    class GuardedModule {}
    const app = await started(GuardedModule);
    const http = supertest(app.getHttpServer());
    await http.get('/me').expect(401);
    const token = tokenOf(await http.post('/plain-login').set(fromHere).expect(201));
    const { body } = await http.get('/me').set('Cookie', `${cookieName}=${token}`).expect(200);
    expect(body).toEqual({ userId: 'alice' });
    await app.close();
  });

  it.each(['express', 'fastify'] as const)(
    'answers errors as problem details on %s when the filter is bound',
    async (platform) => {
      @Module({
        imports: [SessionLedgerModule.forRoot({ database: { url: database.url }, guard: 'global' })],
        controllers: [SmallController],
        providers: [{ provide: APP_FILTER, useClass: SessionLedgerErrorFilter }],
      })
      class FilteredModule {}
      const app = await serve(platform, FilteredModule);
      const http = supertest(app.getHttpServer());
      const refused = await http.post('/login').set(fromHere).expect(422);
      expect(refused.headers['content-type']).toBe('application/problem+json; charset=utf-8');
      expect(refused.body).toMatchObject({
        type: 'about:blank',
        status: 422,
        code: 'ERR_SENSITIVE_ATTRIBUTE',
        field: 'attributes.deviceId',
      });
      expect(refused.text).not.toContain('4111');
      const unknown = await http.get('/me').expect(401);
      expect(unknown.headers['content-type']).toBe('application/problem+json; charset=utf-8');
      expect(unknown.headers['www-authenticate']).toBeDefined();
      await app.close();
    },
  );

  it('finishes the requests under way when it is told to stop, then takes no more', async () => {
    @Module({
      imports: [SessionLedgerModule.forRoot({ database: { url: database.url }, guard: 'global' })],
      controllers: [SmallController],
    })
    class StoppingModule {}
    const app = await started(StoppingModule);
    const sessions = app.get(Sessions);
    const { token, session } = await sessions.open({ userId: 'zoe' });
    const uses = Array.from({ length: 50 }, () => sessions.use(token));
    await app.close();
    expect((await Promise.all(uses)).every(({ active }) => active)).toBe(true);
    await expect(sessions.use(token)).rejects.toMatchObject({ code: 'ERR_LEDGER_UNAVAILABLE' });
    const { rows } = await client.query<{ used: number }>(
      `SELECT count(*)::integer AS used FROM session_ledger.event WHERE session_id = $1 AND kind = 'used'`,
      [session.sessionId],
    );
    expect(rows).toEqual([{ used: 50 }]);
  });
});
