import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fileSystem from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { KeptPostmaster } from '../../src/postgres/kept-postmaster.js';
import type { Postmaster } from '../../src/postgres/postmaster.js';
import { commandLine, processStart } from '../../src/postgres/process-start.js';

const started: ChildProcess[] = [];

afterEach(() => {
  jest.restoreAllMocks();
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** What the operating system says instead of showing a process. */
const answerWith = (code: string) =>
  jest
    .spyOn(fileSystem, 'readFile')
    .mockRejectedValue(Object.assign(new Error(`${code}: no file is opened`), { code }));

async function aliveProcess(): Promise<Postmaster & { child: ChildProcess }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 60_000)'], { stdio: 'ignore' });
  started.push(child);
  await once(child, 'spawn');
  const pid = child.pid as number;
  return { child, pid, start: await processStart(pid), port: 5432, cluster: '/nowhere' };
}

describe('a process that cannot be seen', () => {
  it.each(['EMFILE', 'ENFILE', 'ENOMEM'])('is not taken for one that has ended: %s', async (code) => {
    answerWith(code);
    const refusal = { code: 'ERR_EMBEDDED_POSTGRES', message: expect.stringContaining(code) };
    await expect(processStart(process.pid)).rejects.toMatchObject(refusal);
    await expect(commandLine(process.pid)).rejects.toMatchObject(refusal);
  });

  it.each(['ENOENT', 'ESRCH'])('has ended where the operating system has no entry of it: %s', async (code) => {
    answerWith(code);
    expect(await processStart(process.pid)).toBeUndefined();
    expect(await commandLine(process.pid)).toBe('');
  });

  it('gets no second one beside it while it is watched; once it has ended, it is started again', async () => {
    const [first, second] = [await aliveProcess(), await aliveProcess()];
    const told: string[] = [];
    const looking = answerWith('EMFILE');
    const kept = new KeptPostmaster(
      first,
      () => Promise.resolve(second),
      (line) => told.push(line),
    );
    while (looking.mock.calls.length < 4) await pause(20);
    looking.mockRestore();
    expect(told).toEqual([]);

    first.child.kill('SIGKILL');
    while (told.length < 2) await pause(20);
    expect(told).toEqual([
      expect.stringContaining(`(process ${first.pid}) has ended`),
      expect.stringContaining(`runs again (process ${second.pid})`),
    ]);
    await kept.stop();
  });
});
