import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Finding, NotMeasured } from './finding.js';

/** What one benchmark found, up to its end or to where it broke off. */
export interface Section {
  title: string;
  findings: (Finding | NotMeasured)[];
  /** Why it broke off; undefined: it ran to its end. */
  failure?: string;
}

/** Runs a benchmark in a process of its own. One that breaks off costs nothing of what it had found, nor the others. */
export async function runBenchmark(
  title: string,
  script: string,
  words: readonly string[],
  variables: Record<string, string>,
): Promise<Section> {
  const findings: Section['findings'] = [];
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...words], {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.on('message', (some: Section['findings']) => findings.push(...some));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { title, findings, ...(code !== 0 && { failure: `it ended with ${code ?? signal}` }) };
}
