import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { isMeasured, isMet, shown, type Finding, type NotMeasured } from './finding.js';
import type { Section } from './run-benchmark.js';

const folder = import.meta.dirname;

/** Writes RESULTS.md: the machine, every number with its goal, and what profiles.md says about goals not met. */
export async function writeResults(sections: Section[], postgresVersion: string): Promise<void> {
  const text = [
    '# Measured',
    '',
    'Written by `npm run bench`. Medians of several rounds; the contenders of a table take turns within each round, on the same machine and the same',
    'PostgreSQL (the embedded one, fsync on), and ratios are formed within a round. The load generator, the servers and PostgreSQL share the machine.',
    '',
    ...(await machine(postgresVersion)),
    ...sections.flatMap(tableOf),
    '',
    await readFile(join(folder, 'profiles.md'), 'utf8'),
  ];
  const file = join(folder, 'RESULTS.md');
  await writeFile(file, await format(text.join('\n'), { ...(await resolveConfig(file)), filepath: file }));
}

async function machine(postgresVersion: string): Promise<string[]> {
  const [processor] = cpus();
  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const peers = Object.entries(dependencies).map(([name, version]) => `${name} ${version}`);
  return [
    `- machine: ${cpus().length} x ${processor?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`,
    `- Node.js ${process.versions.node}, PostgreSQL ${postgresVersion}`,
    `- peers: ${peers.join(', ')}`,
    `- commit ${await git('rev-parse', '--short', 'HEAD')} of ${await git('log', '-1', '--format=%cs')}`,
  ];
}

async function git(...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', words, { cwd: folder });
  return stdout.trim();
}

function tableOf({ title, findings, failure }: Section): string[] {
  const rows = findings.map((finding) => {
    const measured = isMeasured(finding)
      ? [`${shown(finding.value)} ${finding.unit}`, goalOf(finding), finding.note ?? '']
      : ['not measured', goalOf(finding), finding.notMeasured];
    return `| ${[finding.what, ...measured].join(' | ')} |`;
  });
  const brokeOff = failure === undefined ? [] : ['', `**Broke off**: ${failure}. What it had found until then:`];
  return [
    '',
    `## ${title}`,
    ...brokeOff,
    '',
    '| what | measured | goal | remark |',
    '| --- | --- | --- | --- |',
    ...rows,
  ];
}

function goalOf(finding: Finding | NotMeasured): string {
  if (finding.goal === undefined) return '';
  const bound = 'atLeast' in finding.goal ? `≥ ${shown(finding.goal.atLeast)}` : `≤ ${shown(finding.goal.atMost)}`;
  if (!isMeasured(finding)) return `${bound}: **open**`;
  return `${bound}: ${isMet(finding) ? 'met' : '**not met**'}`;
}
