import { setTimeout as sleep } from 'node:timers/promises';
import { RepeatingTask } from '../../src/ledger/repeating-task.js';
import { until } from '../seal/until.js';

describe('background work', () => {
  it('runs at once and again, never twice at a time', async () => {
    let running = 0;
    let most = 0;
    let runs = 0;
    const task = new RepeatingTask({
      everyMs: 1,
      run: async () => {
        most = Math.max(most, ++running);
        await sleep(5);
        running -= 1;
        runs += 1;
      },
      onFailure: () => undefined,
    });
    task.start();
    task.start();
    await until(async () => runs > 3);
    await task.stop();
    expect(most).toBe(1);
    expect(running).toBe(0);
    const before = runs;
    await sleep(30);
    expect(runs).toBe(before);
  });

  it('reports a failed run and goes on', async () => {
    const failures: unknown[] = [];
    let runs = 0;
    const task = new RepeatingTask({
      everyMs: 60_000,
      afterFailureMs: 5,
      run: () => {
        runs += 1;
        return runs < 3 ? Promise.reject(new Error(`run ${runs}`)) : Promise.resolve();
      },
      onFailure: (failure) => failures.push(failure),
    });
    task.start();
    await until(async () => runs > 2);
    await task.stop();
    expect(failures).toEqual([new Error('run 1'), new Error('run 2')]);
    expect(runs).toBe(3);
  });

  it('can be started again after it was stopped', async () => {
    let runs = 0;
    const task = new RepeatingTask({
      everyMs: 60_000,
      run: () => Promise.resolve(void (runs += 1)),
      onFailure: () => undefined,
    });
    task.start();
    await task.stop();
    task.start();
    await task.stop();
    expect(runs).toBe(2);
  });
});
