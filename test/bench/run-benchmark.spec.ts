import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lineOf } from '../../bench/finding.js';
import { runBenchmark } from '../../bench/run-benchmark.js';

describe('a benchmark', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'session-ledger-bench-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('that breaks off leaves what it had found, and says that it did', async () => {
    const found = { what: 'uses', value: 3, unit: 'uses/s' };
    const script = path.join(folder, 'broken.mjs');
    const end = '() => process.exit(Number(process.argv[2]) + Number(process.env.MORE))';
    await writeFile(script, `process.send([${JSON.stringify(found)}], ${end});`);
    const section = await runBenchmark('Uses', script, ['2'], { MORE: '1' });
    expect(section).toEqual({ title: 'Uses', findings: [found], failure: 'it ended with 3' });
  });

  it('says of each number whether its goal is met, and of what it could not measure that the goal is open', () => {
    const goal = { atLeast: 4 };
    expect(lineOf({ what: 'beside a peer', value: 4.5, unit: 'x', goal })).toBe(
      'beside a peer · 4.50 x · goal: at least 4: met',
    );
    expect(lineOf({ what: 'beside a peer', value: 3.5, unit: 'x', goal })).toMatch(/: not met$/);
    expect(lineOf({ what: 'beside a peer', notMeasured: 'it is not installed', goal })).toBe(
      'beside a peer · not measured: it is not installed · goal: at least 4: open',
    );
  });
});
