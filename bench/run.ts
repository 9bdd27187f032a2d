/*
 * Runs the benchmarks, each in a process of its own and all on one PostgreSQL, and prints every number with its goal. When
 * all are asked for, bench/RESULTS.md is written anew after each of them.
 */
import { join } from 'node:path';
import { isMeasured, isMet, lineOf } from './finding.js';
import { writeResults } from './results-file.js';
import { runBenchmark, type Section } from './run-benchmark.js';
import { startScratchPostgres } from './scratch-postgres.js';

const benchmarks: Record<string, string> = {
  'this-machine': 'This machine',
  'recorded-uses': 'Recording uses: the engine alone',
  'guarded-route': 'A guarded route over HTTP',
  'login-state': 'Login state at T',
  'event-bytes': 'Bytes of an event',
  'expired-sessions': 'The expiry job',
  'sealed-leaves': 'Sealing',
  'verified-leaves': 'Verifying a log',
  soak: 'Ten minutes at load',
  'proof-of-event': 'The proof of one event',
  demo: 'The demo',
};

const usage = `npm run bench                                    all, about an hour; writes bench/RESULTS.md
npm run bench <name> ...                         these, and writes nothing
npm run bench <name> -- --<option> <number> ...  one, with the options that stand at the top of its file

${Object.entries(benchmarks)
  .map(([name, title]) => `${name.padEnd(20)} ${title}`)
  .join('\n')}`;

const given = process.argv.slice(2);
const firstOption = given.findIndex((word) => word.startsWith('-'));
const asked = firstOption === -1 ? given : given.slice(0, firstOption);
const options = given.slice(asked.length);
const unknown = asked.filter((name) => !(name in benchmarks));

if (options.includes('--help')) console.log(usage);
else if (unknown.length > 0 || (options.length > 0 && asked.length !== 1)) {
  console.error(unknown.length > 0 ? `no benchmark is called ${unknown.join(', ')}\n\n${usage}` : usage);
  process.exitCode = 2;
} else await runAll(asked.length === 0 ? Object.keys(benchmarks) : asked);

async function runAll(names: string[]): Promise<void> {
  const postgres = await startScratchPostgres();
  const sections: Section[] = [];
  try {
    for (const name of names) {
      const title = benchmarks[name]!;
      console.log(`\n${title}`);
      const script = join(import.meta.dirname, `${name}.ts`);
      sections.push(await runBenchmark(title, script, options, { BENCH_DATABASE_URL: postgres.url }));
      if (asked.length === 0) await writeResults(sections, postgres.version);
    }
  } finally {
    await postgres.stop();
  }
  tellWhatIsOpen(sections);
}

/** The goals that were not met or not measured, and the benchmarks that broke off, at the end where nobody misses them. */
function tellWhatIsOpen(sections: Section[]): void {
  const withGoal = sections.flatMap(({ findings }) => findings).filter(({ goal }) => goal !== undefined);
  const open = withGoal.filter((finding) => !isMeasured(finding) || !isMet(finding));
  console.log(`\n${withGoal.length - open.length} of ${withGoal.length} goals met`);
  for (const finding of open) console.log(lineOf(finding));
  const failed = sections.filter(({ failure }) => failure !== undefined);
  for (const { title, failure } of failed) console.error(`${title}: ${failure}`);
  if (failed.length > 0) process.exitCode = 1;
}
