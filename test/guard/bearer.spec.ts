import { Controller, Get, Module, Post, Req, UseGuards } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import supertest from 'supertest';
import {
  CurrentSession,
  PublicRoute,
  SessionGuard,
  SessionLedgerModule,
  Sessions,
  type HttpRequest,
} from '../../src/index.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { cookieName, tokenOf } from './browser.js';
import { serve } from './running-bank.js';

@UseGuards(SessionGuard)
@Controller()
class ApiController {
  constructor(private readonly sessions: Sessions) {}

  @PublicRoute()
  @Post('token')
  async token(@Req() request: HttpRequest): Promise<{ token: string }> {
    return { token: (await this.sessions.open({ userId: 'api' }, request)).token };
  }

  @Post('renew')
  async renew(@Req() request: HttpRequest): Promise<{ token: string }> {
    return { token: (await this.sessions.renew(request)).token };
  }

  @Post('logout')
  logout(@Req() request: HttpRequest): Promise<{ revoked: number }> {
    return this.sessions.logout(request);
  }

  @Get('me')
  me(@CurrentSession('userId') userId: string): { userId: string } {
    return { userId };
  }
}

describe.each(['bearer', 'both'] as const)('tokens taken from: %s', (token) => {
  let database: TestDatabase;
  let app: INestApplication;
  let http: ReturnType<typeof supertest>;

  beforeAll(async () => {
    database = await createTestDatabase();
    @Module({
      imports: [SessionLedgerModule.forRoot({ database: { url: database.url }, token, realm: 'a "quoted" realm' })],
      controllers: [ApiController],
    })
    class ApiModule {}
    app = await serve('express', ApiModule);
    http = supertest(app.getHttpServer());
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const opened = async () => {
    const response = await http.post('/token').expect(201);
    return { token: (response.body as { token: string }).token, cookie: tokenOf(response) };
  };

  it('accepts Authorization: Bearer in any case of the scheme, and refuses other schemes', async () => {
    const { token } = await opened();
    const answerTo = async (authorization: string): Promise<number> =>
      (await http.get('/me').set('Authorization', authorization)).status;
    expect(await answerTo(`Bearer ${token}`)).toBe(200);
    expect(await answerTo(`bearer ${token}`)).toBe(200);
    expect(await answerTo(`Basic ${token}`)).toBe(401);
    expect(await answerTo(`Bearer ${token} ${token}`)).toBe(401);
    expect(await answerTo('Bearer')).toBe(401);
    expect(await answerTo(token)).toBe(401);
  });

  it('says how to authenticate', async () => {
    const { headers } = await http.get('/me').expect(401);
    expect(headers['www-authenticate']).toContain(String.raw`Bearer realm="a \"quoted\" realm"`);
    expect(headers['vary']).toContain('Authorization');
  });

  it('does not ask a program where it comes from: no browser attaches a bearer token', async () => {
    const { token } = await opened();
    const renewed = await http
      .post('/renew')
      .set('Authorization', `Bearer ${token}`)
      .set('Sec-Fetch-Site', 'cross-site')
      .expect(201);
    const next = `Bearer ${(renewed.body as { token: string }).token}`;
    expect((await http.post('/logout').set('Authorization', next).expect(201)).body).toEqual({ revoked: 1 });
    expect((await http.get('/me').set('Authorization', next)).status).toBe(401);
  });

  it('takes the cookie only where both are configured, and then never both at once', async () => {
    const { token: bearer, cookie } = await opened();
    expect(cookie).toBe(token === 'both' ? bearer : '');
    const withCookie = () => http.get('/me').set('Cookie', `${cookieName}=${bearer}`);
    expect((await withCookie()).status).toBe(token === 'both' ? 200 : 401);
    expect((await withCookie().set('Authorization', `Bearer ${bearer}`)).status).toBe(token === 'both' ? 401 : 200);
  });
});
