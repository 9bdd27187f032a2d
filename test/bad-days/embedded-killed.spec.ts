import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientOf } from '../http/client.js';
import { startServiceProcess } from '../main/service-process.js';
import { postmasterPid } from '../postgres/data-directories.js';
import { findRunningEmbeddedPostgres } from '../../src/postgres/embedded-server.js';
import { openedTokens, useOnce } from './http-bearers.js';
import type { AcceptedUse } from './ledger-contradictions.js';
import { factsAfter, nothingLost } from './recorded-facts.js';

describe('the embedded PostgreSQL killed under load (kill -9)', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-embedded-killed-'));
  const dataDir = path.join(folder, 'data');

  beforeAll(() => chmodSync(folder, 0o755));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('the service is back by itself: what it let through is on the ledger, nobody is logged out, no gap', async () => {
    const service = startServiceProcess(dataDir);
    const address = await service.listening();
    const api = clientOf(address, readFileSync(path.join(dataDir, 'admin-key'), 'utf8').trim());
    const tokens = await openedTokens(api, 16);
    const accepted: AcceptedUse[] = [];
    const over = new AbortController();
    const bearers = tokens.map(async (token) => {
      while (!over.signal.aborted) await useOnce(api, token, accepted);
    });
    while (accepted.length < 300) await sleep(10);
    process.kill((await postmasterPid(path.join(dataDir, 'postgres'))) ?? 0, 'SIGKILL');
    while ((await api.get('/health/ready')).status === 200) await sleep(10);
    const acceptedByThen = accepted.length;
    while ((await api.get('/health/ready')).status !== 200) await sleep(50);
    while (accepted.length < acceptedByThen + 300) await sleep(10);
    over.abort();
    await Promise.all(bearers);

    const again = await Promise.all(tokens.map((token) => api.post('/v1/sessions/use', { token })));
    expect(again.map(({ body }) => body['active'])).toEqual(tokens.map(() => true));
    const url = (await findRunningEmbeddedPostgres(dataDir))?.superuserUrl('session_ledger') ?? '';
    const told = { accepted, opened: [], revoked: [], notRecorded: {}, refused: {}, late: 0 };
    const { used, ...facts } = await factsAfter(url, told);
    expect(facts).toEqual(nothingLost);
    expect(used).toBeGreaterThanOrEqual(accepted.length + again.length);
    expect(service.logged()).toContain('has ended without being told to');
    expect(service.logged()).toContain('PostgreSQL runs again');
    service.process.kill('SIGTERM');
    expect(await service.ended()).toBe(0);
  }, 120_000);
});
