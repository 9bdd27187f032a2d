import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { clientOf } from '../http/client.js';
import { startServiceProcess } from '../main/service-process.js';

interface Opened {
  token: string;
  session: { sessionId: string };
}

describe('a copy of the stopped data directory that is put back', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-put-back-'));
  const dataDir = path.join(folder, 'data');
  const backup = path.join(folder, 'backup');

  beforeAll(() => chmodSync(folder, 0o755));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the service for as long as the work takes, and answers what it printed. */
  const served = async (work: (api: ReturnType<typeof clientOf>) => Promise<void>, variables = {}): Promise<string> => {
    const service = startServiceProcess(dataDir, variables);
    const address = await service.listening();
    await work(clientOf(address, readFileSync(path.join(dataDir, 'admin-key'), 'utf8').trim()));
    service.process.kill('SIGTERM');
    expect(await service.ended()).toBe(0);
    return service.printed();
  };
  const copied = (from: string, to: string): void => {
    rmSync(to, { recursive: true, force: true });
    execFileSync('cp', ['-a', from, to]);
  };
  /** Opens a session, keeps a copy from before its revocation, and revokes it. */
  const lostRevocation = async (): Promise<Opened> => {
    let opened: Opened | undefined;
    await served(async (api) => {
      opened = (await api.post('/v1/sessions', { userId: 'alice' })).body as unknown as Opened;
    });
    copied(dataDir, backup);
    await served(async (api) => {
      const { body } = await api.post(`/v1/sessions/${opened?.session.sessionId}/revoke`, { reason: 'risk' });
      expect(body).toEqual({ revoked: 1 });
    });
    return opened!;
  };
  /** What the service does with a session whose revocation was lost. */
  const foundAfter = async ({ token, session }: Opened) => {
    let use: object = {};
    let events: object[] = [];
    const printed = await served(async (api) => {
      use = (await api.post('/v1/sessions/use', { token })).body;
      events = (await api.get(`/v1/sessions/${session.sessionId}/events`)).body['items'] as unknown as object[];
      expect((await api.post('/v1/sessions', { userId: 'bob' })).status).toBe(201);
    });
    const again = await served(async (api) => {
      expect((await api.get('/v1/users/bob/login-state')).body).toMatchObject({ answer: 'logged_in' });
    });
    const told = /^The database was restored: a gap is on the ledger, and [12] live sessions were revoked$/m;
    return { use, events, isTold: told.test(printed), isToldAgain: again.includes('restored') };
  };
  const recognised = {
    use: { active: false },
    events: [{ kind: 'created' }, { kind: 'revoked', reason: 'restored' }],
    isTold: true,
    isToldAgain: false,
  };

  test('is recognised by what lies beside it, when the cluster alone is put back', async () => {
    const opened = await lostRevocation();
    copied(path.join(backup, 'postgres'), path.join(dataDir, 'postgres'));
    expect(await foundAfter(opened)).toMatchObject(recognised);
  }, 180_000);

  test('is recognised by its age, when everything is put back', async () => {
    const opened = await lostRevocation();
    const mark = path.join(backup, 'settled-until.json');
    // As if it had been written, and copied, an hour ago.
    const text = readFileSync(mark, 'utf8').replace(/"writtenAt":"[^"]+"/, () => {
      const anHourAgo = new Date(Date.now() - 3_600_000).toISOString();
      return `"writtenAt":"${anHourAgo}"`;
    });
    writeFileSync(mark, text);
    copied(backup, dataDir);
    expect(await foundAfter(opened)).toMatchObject(recognised);
  }, 180_000);

  test('is none when the data directory was left where it is, however long it was stopped', async () => {
    const mark = path.join(dataDir, 'settled-until.json');
    const { writtenAt } = JSON.parse(readFileSync(mark, 'utf8'));
    expect(writtenAt).toMatch(/Z$/);
    const printed = await served(async (api) => {
      expect((await api.get('/v1/users/bob/login-state')).body).toMatchObject({ answer: 'logged_in' });
    });
    expect(printed).not.toContain('restored');
  }, 60_000);
});
