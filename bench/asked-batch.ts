import { Readable } from 'node:stream';
import { csvOf, type AskedQuestion } from './asked-questions.js';
import type { RunningService } from './service-process.js';

/** How a batch went. */
export interface AnsweredBatch {
  rowsPerSecond: number;
  /** The service's memory at the most. */
  peakMegabytes: number;
}

const sampleEveryMilliseconds = 200;

/** Sends one CSV of so many rows, reads the answer to its end, and watches the service's memory meanwhile. */
export async function askBatch(
  service: RunningService,
  questions: AskedQuestion[],
  rows: number,
): Promise<AnsweredBatch> {
  let most = await service.residentBytes();
  const watching = setInterval(() => {
    void service.residentBytes().then((bytes) => (most = Math.max(most, bytes)));
  }, sampleEveryMilliseconds);
  const begun = performance.now();
  try {
    const answered = await linesAnswered(service, Readable.from(csvOf(questions, rows)));
    if (answered !== rows) throw new Error(`${answered} of ${rows} rows were answered`);
  } finally {
    clearInterval(watching);
  }
  return {
    rowsPerSecond: rows / ((performance.now() - begun) / 1000),
    peakMegabytes: most / 2 ** 20,
  };
}

async function linesAnswered({ address, key }: RunningService, body: Readable): Promise<number> {
  const answer = await fetch(`${address}/v1/login-state/batch?caseId=bench`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'text/csv' },
    body: Readable.toWeb(body) as ReadableStream,
    duplex: 'half',
  });
  if (answer.status !== 200 || answer.body === null) throw new Error(`${answer.status}: ${await answer.text()}`);
  let lines = 0;
  for await (const chunk of answer.body) for (const byte of chunk) if (byte === newline) lines++;
  return lines - 1;
}

const newline = 0x0a;
