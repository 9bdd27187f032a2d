import type { DataSource } from 'typeorm';
import { parseInstant } from '../dist/src/ledger/instant.js';
import { ledgerDataSource } from '../dist/src/ledger/ledger-data-source.js';
import { longestSecondsAt, readCoverage } from '../dist/src/query/coverage.js';
import { LoginHistory } from '../dist/src/query/login-history.js';
import { loginStates } from '../dist/src/query/login-states.js';
import { csvOf, type AskedQuestion } from './asked-questions.js';
import { quantile } from './finding.js';

/** How fast answers came. */
export interface Answered {
  perSecond: number;
  p50Milliseconds: number;
  p99Milliseconds: number;
}

const askers = 4;

/** Asks with the statement behind every answer, one question at a time on each of four connections. */
export function askStatement(url: string, questions: AskedQuestion[], seconds: number): Promise<Answered> {
  return withReader(url, async (reader) => {
    const coverage = await readCoverage(reader, null, null);
    const terms = { knownAt: null, applications: null };
    const asked = questions.map((question) => {
      const at = parseInstant(question.at);
      return { realm: 'default', userId: question.userId, at, longestSeconds: longestSecondsAt(coverage, at) };
    });
    return askRepeatedly(asked, seconds, (question) => loginStates(reader, [question], terms));
  });
}

/** Asks the library: the question recorded, the whole answer with its evidence, the outcome recorded. */
export function askLibrary(url: string, questions: AskedQuestion[], seconds: number): Promise<Answered> {
  return withReader(url, (reader) => {
    const history = new LoginHistory(reader);
    return askRepeatedly(questions, seconds, (question) => history.loginStateAt(question, { askedBy: 'bench' }));
  });
}

/** Has the library answer one CSV of so many rows; returns rows per second. */
export function askLibraryForBatch(url: string, questions: AskedQuestion[], rows: number): Promise<number> {
  return withReader(url, async (reader) => {
    const history = new LoginHistory(reader);
    const begun = performance.now();
    let length = 0;
    for await (const piece of history.answerCsv(csvOf(questions, rows), { askedBy: 'bench' })) length += piece.length;
    if (length === 0) throw new Error('the batch was answered with nothing');
    return rows / ((performance.now() - begun) / 1000);
  });
}

async function askRepeatedly<Question>(
  questions: Question[],
  seconds: number,
  askOne: (question: Question) => Promise<unknown>,
): Promise<Answered> {
  let next = 0;
  // Not counted: on a new connection PostgreSQL plans each statement.
  const untilPlanned = async (): Promise<void> => {
    for (let time = 0; time < 50; time++) await askOne(questions[next++ % questions.length]!);
  };
  await Promise.all(Array.from({ length: askers }, untilPlanned));
  const latencies: number[] = [];
  const begun = performance.now();
  const endsAt = begun + seconds * 1000;
  const ask = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const question = questions[next++ % questions.length]!;
      const askedAt = performance.now();
      await askOne(question);
      latencies.push(performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: askers }, ask));
  return {
    perSecond: latencies.length / ((performance.now() - begun) / 1000),
    p50Milliseconds: quantile(latencies, 0.5),
    p99Milliseconds: quantile(latencies, 0.99),
  };
}

async function withReader<Result>(url: string, work: (reader: DataSource) => Promise<Result>): Promise<Result> {
  const reader = ledgerDataSource({ url, role: 'reader', poolSize: askers, applicationName: 'bench' });
  await reader.initialize();
  try {
    return await work(reader);
  } finally {
    await reader.destroy();
  }
}
