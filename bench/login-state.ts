/*
 * Was this user logged in then? Asked of ledgers of growing size, in millions of events: the statement alone, by the
 * library, over HTTP, and in one batch.
 *
 *   node --import tsx bench/login-state.ts --smallest 1 --larger 10 --largest 50 --seconds 10 --rows 1000000
 */
import { askBatch } from './asked-batch.js';
import { askLibrary, askLibraryForBatch, askStatement, type Answered } from './asked-database.js';
import { pickQuestions, type AskedQuestion } from './asked-questions.js';
import { report, type Finding } from './finding.js';
import { generateHistory, type GeneratedHistory } from './generated-history.js';
import { numberOptions } from './number-options.js';
import { startScratchPostgres } from './scratch-postgres.js';
import { sendLoad } from './sent-load.js';
import { untilSealed } from './sealed-history.js';
import { startService, type RunningService } from './service-process.js';

const options = numberOptions({ smallest: 1, larger: 10, largest: 50, seconds: 10, rows: 1_000_000 });
const sizes = [...new Set([options.smallest, options.larger, options.largest])];
const batchGoal = { atLeast: 50_000 };
const secondsUncounted = 2;

/** How fast answers came in each of the three ways. */
interface Ways {
  'by the statement alone': Answered;
  'by the library': Answered;
  'over HTTP': Answered;
}

const postgres = await startScratchPostgres();
try {
  const answered: Ways[] = [];
  for (const millions of sizes) answered.push(await measure(millions));
  reportGrowth(answered[0]!, answered.at(-1)!);
} finally {
  await postgres.stop();
}

async function measure(millions: number): Promise<Ways> {
  const url = await postgres.createLedger(`login_state_${String(millions).replace('.', '_')}m`);
  const history = await generateHistory(url, millions * 1_000_000);
  const questions = await pickQuestions(url, history, 20_000);
  const name = (what: string): string => `${millions} million events: ${what}`;
  const byStatement = await askStatement(url, questions, options.seconds);
  const byLibrary = await askLibrary(url, questions, options.seconds);
  report([
    findingOf(name('answers by the statement alone'), byStatement, '4 connections'),
    findingOf(name('answers by the library'), byLibrary, '4 connections; each question is recorded'),
    {
      what: name('rows of one batch by the library'),
      value: await askLibraryForBatch(url, questions, options.rows),
      unit: 'rows/s',
      goal: batchGoal,
    },
  ]);
  const overHttp = await measureOverHttp(url, questions, name);
  if (millions === options.smallest) await measureSealed(url, history, questions, name);
  return { 'by the statement alone': byStatement, 'by the library': byLibrary, 'over HTTP': overHttp };
}

/** Nothing is sealed yet, and this instance does not begin to: a history of months would be sealed all through the measuring. */
async function measureOverHttp(
  url: string,
  questions: AskedQuestion[],
  name: (what: string) => string,
): Promise<Answered> {
  const service = await startService(url, { SESSION_LEDGER_SEAL: 'off' });
  try {
    const answered = await askOverHttp(service, questions);
    report([findingOf(name('answers over HTTP'), answered, '8 connections; each question is recorded')]);
    report(await measureBatches(service, questions, name));
    return answered;
  } finally {
    await service.stop();
  }
}

/** The same where every event is sealed, and answers are compared with their seals. */
async function measureSealed(
  url: string,
  history: GeneratedHistory,
  questions: AskedQuestion[],
  name: (what: string) => string,
): Promise<void> {
  const service = await startService(url);
  try {
    const begun = performance.now();
    const sealed = await untilSealed(url);
    const seconds = (performance.now() - begun) / 1000;
    const answered = await askOverHttp(service, questions);
    const { rowsPerSecond } = await askBatch(service, questions, options.rows);
    report([
      { what: name('events sealed by the service'), value: sealed / seconds, unit: 'events/s' },
      findingOf(name('answers over HTTP, compared with their seals'), answered, '8 connections'),
      { what: name('rows of one batch over HTTP, compared with their seals'), value: rowsPerSecond, unit: 'rows/s' },
    ]);
  } finally {
    await service.stop();
  }
  const others = await pickQuestions(url, history, 200_000);
  report([
    {
      what: name('rows of one batch by the library, compared with their seals'),
      value: await askLibraryForBatch(url, questions, options.rows),
      unit: 'rows/s',
      note: `${questions.length} questions, again and again`,
    },
    {
      what: name('rows of one batch by the library, compared with their seals, no question twice'),
      value: await askLibraryForBatch(url, others, others.length),
      unit: 'rows/s',
    },
  ]);
}

function findingOf(what: string, { perSecond, p50Milliseconds, p99Milliseconds }: Answered, how: string): Finding {
  const note = `p50 ${p50Milliseconds.toFixed(2)} ms, p99 ${p99Milliseconds.toFixed(2)} ms, ${how}`;
  return { what, value: perSecond, unit: 'answers/s', note };
}

async function askOverHttp({ address, key }: RunningService, questions: AskedQuestion[]): Promise<Answered> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const requests = questions.map((question) => ({ method: 'POST' as const, headers, body: JSON.stringify(question) }));
  const load = { url: `${address}/v1/login-state`, connections: 8, requests };
  // Not counted: the service has just been started, and on a new connection PostgreSQL plans each statement.
  await sendLoad({ ...load, seconds: secondsUncounted });
  const { requestsPerSecond, p50Milliseconds, p99Milliseconds } = await sendLoad({ ...load, seconds: options.seconds });
  return { perSecond: requestsPerSecond, p50Milliseconds, p99Milliseconds };
}

/** A batch of a tenth of the rows beside the whole: were memory to grow with the rows, the whole would show it. */
async function measureBatches(
  service: RunningService,
  questions: AskedQuestion[],
  name: (what: string) => string,
): Promise<Finding[]> {
  const tenth = Math.ceil(options.rows / 10);
  // Two that do not count: the first batches of a process find its heap small and its code not compiled.
  for (let round = 0; round < 2; round++) await askBatch(service, questions, tenth);
  const few = await askBatch(service, questions, tenth);
  const many = await askBatch(service, questions, options.rows);
  return [
    { what: name('rows of one batch over HTTP'), value: many.rowsPerSecond, unit: 'rows/s', goal: batchGoal },
    {
      what: name(`memory during a batch of ${options.rows} rows, beside one of a tenth`),
      value: many.peakMegabytes / few.peakMegabytes,
      unit: 'x',
      goal: { atMost: 1.2 },
      note: `${many.peakMegabytes.toFixed(0)} MB beside ${few.peakMegabytes.toFixed(0)} MB at the most, the whole service`,
    },
  ];
}

/** The largest ledger beside the smallest: an index keeps the way to an answer as short as it was. */
function reportGrowth(smallest: Ways, largest: Ways): void {
  const beside = `${sizes.at(-1)} million events beside ${sizes[0]} million`;
  const goal = { atMost: 1.5 };
  for (const way of Object.keys(smallest) as (keyof Ways)[]) {
    const [small, large] = [smallest[way], largest[way]];
    report([
      { what: `time per answer ${way}, ${beside}`, value: small.perSecond / large.perSecond, unit: 'x', goal },
      {
        what: `p99 of an answer ${way}, ${beside}`,
        value: large.p99Milliseconds / small.p99Milliseconds,
        unit: 'x',
        goal,
      },
    ]);
  }
}
