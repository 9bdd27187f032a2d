import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { clientOf } from '../http/client.js';
import { runtimeRecordOf, startServiceProcess, type ServiceProcess } from './service-process.js';

jest.setTimeout(90_000);

describe('the service, started with nothing but a folder', () => {
  let folder: string;
  let dataDir: string;
  const started: ServiceProcess[] = [];

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-start-'));
    chmodSync(folder, 0o755);
    dataDir = path.join(folder, 'data');
  });

  afterEach(async () => {
    for (const service of started.splice(0)) {
      if (service.process.exitCode === null) service.process.kill('SIGTERM');
      await service.ended();
    }
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = (variables: Record<string, string> = {}, directory = dataDir): ServiceProcess => {
    const service = startServiceProcess(directory, variables);
    started.push(service);
    return service;
  };
  const stop = (service: ServiceProcess, signal: NodeJS.Signals): Promise<number | string> => {
    service.process.kill(signal);
    return service.ended();
  };
  const keyOf = (directory = dataDir): string => readFileSync(path.join(directory, 'admin-key'), 'utf8').trim();

  it('prints three lines that bash runs as they stand: a session is opened, used, and asked about', async () => {
    const service = start();
    await service.listening();
    const lines = service
      .printed()
      .split('\n')
      .filter((line) => line.includes('curl '));
    expect(lines).toHaveLength(3);
    const { status, stdout, stderr } = spawnSync('bash', ['-e', '-o', 'pipefail', '-c', lines.join('\n')], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [opened, used, asked] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(opened).toMatchObject({ token: expect.any(String), session: { userId: 'alice' } });
    expect(used).toMatchObject({ active: true, session: { sessionId: opened.session.sessionId } });
    expect(asked).toMatchObject({ answer: 'logged_in', sessions: [{ sessionId: opened.session.sessionId }] });
    for (const file of ['admin-key', 'runtime.json'])
      expect(statSync(path.join(dataDir, file)).mode & 0o777).toBe(0o600);
    expect(service.printed() + service.logged()).not.toContain(keyOf());
    expect(await stop(service, 'SIGINT')).toBe(0);
    expect(runtimeRecordOf(dataDir)).toBeUndefined();
  });

  it('finds its data and its key when it is started again', async () => {
    const key = keyOf();
    const service = start();
    const api = clientOf(await service.listening(), keyOf());
    expect(keyOf()).toBe(key);
    expect((await api.get('/v1/users/alice/login-state')).body).toMatchObject({ answer: 'logged_in' });
    expect(await stop(service, 'SIGTERM')).toBe(0);
  });

  it('takes the server over that a killed service left running, and loses nothing', async () => {
    const killed = start();
    const { body } = await clientOf(await killed.listening(), keyOf()).post('/v1/sessions', { userId: 'survivor' });
    expect(await stop(killed, 'SIGKILL')).toBe('SIGKILL');
    const next = start();
    const api = clientOf(await next.listening(), keyOf());
    expect((await api.post('/v1/sessions/use', { token: body['token'] })).body).toMatchObject({ active: true });
    expect(await stop(next, 'SIGTERM')).toBe(0);
  });

  it('leaves its folder to the one that has it, and serves beside it on its database', async () => {
    const first = start();
    const firstApi = clientOf(await first.listening(), keyOf());
    const refused = start();
    expect(await refused.ended()).toBe(1);
    expect(refused.logged()).toContain('ERR_DATA_DIRECTORY_IN_USE');
    const { databaseUrl = '' } = runtimeRecordOf(dataDir) ?? {};
    const second = start({ DATABASE_URL: databaseUrl }, path.join(folder, 'second'));
    const secondApi = clientOf(await second.listening(), keyOf());
    expect(second.printed()).toContain('has an admin API key already');
    const { token, session } = (await firstApi.post('/v1/sessions', { userId: 'bob' })).body as never as {
      token: string;
      session: { sessionId: string };
    };
    expect((await secondApi.post('/v1/sessions/use', { token })).body).toMatchObject({ active: true });
    await secondApi.post(`/v1/sessions/${session.sessionId}/revoke`, { reason: 'logout' });
    expect((await firstApi.post('/v1/sessions/use', { token })).body).toEqual({ active: false });
    expect(await stop(second, 'SIGTERM')).toBe(0);
    expect((await firstApi.get('/health/ready')).status).toBe(200);
  });

  it('works with a login that is neither superuser nor owner', async () => {
    const service = start();
    await service.listening();
    expect(runtimeRecordOf(dataDir)?.databaseUrl).toMatch(/^postgres:\/\/session_ledger_service:/);
    expect(await stop(service, 'SIGINT')).toBe(0);
  });

  it('stops as well when it is told to while it starts', async () => {
    const service = start();
    // The folder is taken before PostgreSQL starts, which takes far longer than this looks away.
    while (!readdirSync(dataDir).some((name) => name.startsWith('lock-'))) await pause(5);
    expect(service.printed()).not.toContain('listens');
    expect(await stop(service, 'SIGTERM')).toBe(0);
    const again = start();
    await again.listening();
    expect(await stop(again, 'SIGTERM')).toBe(0);
  });

  it('says which port is taken, and leaves nothing running', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as net.AddressInfo;
    const service = start({ PORT: String(port) });
    expect(await service.ended()).toBe(1);
    expect(service.logged()).toContain(`PORT ${port} is taken by another process`);
    other.close();
    const next = start();
    await next.listening();
    expect(next.printed()).not.toContain('Adopted');
  });

  it('lists every mistake in its settings and does not start', async () => {
    const service = start({ PORT: 'many', SESSION_LEDGER_LOG_LEVEL: 'loud', HOST: '0.0.0.0' });
    expect(await service.ended()).toBe(1);
    for (const variable of ['PORT', 'SESSION_LEDGER_LOG_LEVEL', 'HOST'])
      expect(service.logged()).toContain(`- ${variable} `);
    const unknownPolicy = start({ SESSION_LEDGER_POLICY: 'lax' });
    expect(await unknownPolicy.ended()).toBe(1);
    expect(unknownPolicy.logged()).toContain('SESSION_LEDGER_POLICY names no preset');
    const loosened = start({ SESSION_LEDGER_POLICY: '{"preset":"pci-dss-4","idleSeconds":3600}' });
    expect(await loosened.ended()).toBe(1);
    expect(loosened.logged()).toContain(
      'SESSION_LEDGER_POLICY.justification must say why idleSeconds beyond the preset',
    );
  });

  it('goes on answering for a while after it said that it is not ready, so that no balancer finds a closed door', async () => {
    const service = start({ SESSION_LEDGER_DRAIN_PAUSE_SECONDS: '3' });
    const api = clientOf(await service.listening(), keyOf());
    service.process.kill('SIGTERM');
    while ((await api.get('/health/ready')).status === 200) await pause(10);
    const { status, headers } = await api.post('/v1/sessions', { userId: 'late' });
    expect({ status, connection: headers.get('connection') }).toEqual({ status: 201, connection: 'close' });
    expect(await service.ended()).toBe(0);
    await expect(api.get('/health/live')).rejects.toThrow('fetch failed');
  });

  it('answers the requests under way before it stops, and breaks off those that never end', async () => {
    const service = start({ SESSION_LEDGER_DRAIN_SECONDS: '2' });
    const address = new URL(await service.listening());
    const body = JSON.stringify({ userId: 'late' });
    const head = (length: number) =>
      `POST /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keyOf()}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
    const [finishing, hanging] = [
      net.connect(Number(address.port), address.hostname),
      net.connect(Number(address.port), address.hostname),
    ];
    finishing.write(head(Buffer.byteLength(body)) + body.slice(0, 5));
    hanging.write(head(1000) + body.slice(0, 5));
    let answer = '';
    finishing.on('data', (chunk) => (answer += String(chunk)));
    const broken = new Promise<void>((resolve) => hanging.once('close', () => resolve()).on('error', () => undefined));
    await pause(300);
    service.process.kill('SIGTERM');
    await pause(300);
    finishing.write(body.slice(5));
    expect(await service.ended()).toBe(0);
    await broken;
    expect(answer).toContain('HTTP/1.1 201 Created');
    finishing.destroy();
  });
});
