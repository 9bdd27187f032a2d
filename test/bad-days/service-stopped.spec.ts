import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientOf } from '../http/client.js';
import { startServiceProcess } from '../main/service-process.js';
import { openedTokens, useOnce } from './http-bearers.js';
import type { AcceptedUse } from './ledger-contradictions.js';
import { OwnServer } from './own-server.js';
import { factsAfter, nothingLost } from './recorded-facts.js';

describe('the service told to stop under load', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-stopped-'));
  let server: OwnServer;

  beforeAll(async () => {
    server = await OwnServer.start();
  }, 60_000);

  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test.each([
    ['at once', '0'],
    ['after a pause', '1'],
  ])(
    'finishes the uses under way, %s: each that was let through is an event, and it ends with 0',
    async (name, pauseSeconds) => {
      const before = await usesOn(server);
      const service = startServiceProcess(path.join(folder, name), {
        DATABASE_URL: server.url,
        SESSION_LEDGER_LOG_LEVEL: 'fatal',
        SESSION_LEDGER_DRAIN_PAUSE_SECONDS: pauseSeconds,
        SESSION_LEDGER_ADMIN_KEY: 'k'.repeat(64),
      });
      const api = clientOf(await service.listening(), 'k'.repeat(64));
      const tokens = await openedTokens(api, 32);
      const accepted: AcceptedUse[] = [];
      const bearers = tokens.map(async (token) => {
        while ((await useOnce(api, token, accepted)) !== 'gone');
      });
      while (accepted.length < 500) await sleep(10);
      const acceptedByThen = accepted.length;
      service.process.kill('SIGTERM');
      expect(await service.ended()).toBe(0);
      await Promise.all(bearers);

      expect(service.logged()).toBe('');
      const told = { accepted, opened: [], revoked: [], notRecorded: {}, refused: {}, late: 0 };
      const { used, ...facts } = await factsAfter(server.url, told);
      expect(facts).toEqual(nothingLost);
      expect(accepted.length).toBeGreaterThan(acceptedByThen);
      // A connection that ended before its answer may have left a use behind: recorded, and not let through.
      const surplus = used - before - accepted.length;
      expect(surplus).toBeGreaterThanOrEqual(0);
      expect(surplus).toBeLessThanOrEqual(tokens.length);
    },
    90_000,
  );
});

async function usesOn(server: OwnServer): Promise<number> {
  const [exists] = await server.query(`SELECT to_regclass('session_ledger.event') IS NOT NULL AS ledger`);
  if (exists?.['ledger'] !== true) return 0;
  const [counted] = await server.query(`SELECT count(*)::int AS uses FROM session_ledger.event WHERE kind = 'used'`);
  return counted?.['uses'];
}
