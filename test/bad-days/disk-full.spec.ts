import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bearers } from './bearers.js';
import { mayMount, OwnServer } from './own-server.js';
import { factsAfter, nothingLost } from './recorded-facts.js';
import { startInstance, type RunningInstance } from './running-instance.js';

// A disk of its own needs the right to mount, which not every machine gives.
(mayMount() ? describe : describe.skip)('a disk that is full', () => {
  let server: OwnServer;
  let instance: RunningInstance;

  beforeAll(async () => {
    server = await OwnServer.start({ diskMegabytes: 160 });
    instance = await startInstance(server.url);
  }, 60_000);

  afterAll(async () => {
    await instance.stop();
    await server.remove();
  }, 60_000);

  test('refuses what it cannot record, loses nothing, and records again by itself once there is room', async () => {
    const { token } = await instance.sessions.open({ userId: 'alice' });
    const bearers = new Bearers([instance.sessions], 20);
    await bearers.untilAccepted(100);

    const ballast = path.join(server.data, '..', 'ballast');
    fillDisk(ballast);
    await untilRefused(instance, token);
    await sleep(500);
    rmSync(ballast);
    await server.resume(); // PostgreSQL ends itself when it cannot write its log; whoever watches over it starts it again
    await untilAccepted(instance, token);
    await bearers.untilAccepted(100);
    const told = await bearers.stop();

    const { used, ...facts } = await factsAfter(server.url, told);
    expect(facts).toEqual(nothingLost);
    expect(used).toBeGreaterThan(told.accepted.length);
    expect(told.refused).toEqual({});
    expect(Object.keys(told.notRecorded)).toEqual(['ERR_LEDGER_UNAVAILABLE']);
    expect(await server.query(`SELECT reason FROM session_ledger.event WHERE kind = 'gap'`)).toEqual([]);
  }, 60_000);
});

/** Takes all the room there is, down to the last page. */
function fillDisk(file: string): void {
  for (const bytes of [1 << 20, 1 << 12]) {
    for (;;) {
      try {
        writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
      } catch (failure) {
        if ((failure as NodeJS.ErrnoException).code !== 'ENOSPC') throw failure;
        break;
      }
    }
  }
}

async function untilRefused(instance: RunningInstance, token: string): Promise<void> {
  for (;;) {
    try {
      await instance.sessions.use(token);
    } catch {
      return;
    }
  }
}

async function untilAccepted(instance: RunningInstance, token: string): Promise<void> {
  for (;;) {
    try {
      if ((await instance.sessions.use(token)).active) return;
      throw new Error('alice was logged out');
    } catch (failure) {
      if ((failure as { code?: string }).code !== 'ERR_LEDGER_UNAVAILABLE') throw failure;
      await sleep(50);
    }
  }
}
