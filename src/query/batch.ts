import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { parseInstant, type Instant } from '../ledger/instant.js';
import { publishedCheckpoint } from '../seal/checkpoint-published.js';
import { checkedUserId } from '../ledger/user-id.js';
import { scopeOf, type Asking, type Scope } from './asking.js';
import type { BatchAnswer, BatchEntry, BatchLoginState, BatchOptions } from './batch-row.js';
import { longestSecondsAt, readCoverage, type Coverage } from './coverage.js';
import { compareWithSeals, IntactRows, type ComparedRows } from './compared-with-seals.js';
import { inChunks, inOrder } from './in-order.js';
import { verdictOn } from './login-state-at.js';
import { loginStates, type Candidate, type LoginStateFound, type PointQuestion } from './login-states.js';
import { evidenceOf, foundations, contradictedIn } from './rests-on.js';
import { mapWithPauses } from './paused-map.js';
import type { PartOfList, Questions, RecordedQuestion } from './question.js';
import { optionalInstant, refuseFuture, refuseUnknownZone, refuseUnsettled } from './times-asked.js';

/** Rows with their answers, in the order of the list. */
export type Answered<Row> = { readonly row: Row; readonly answer: BatchAnswer };

/** What an answer to a list needs: where to read, where to record, and who asks. */
export interface BatchReading {
  readonly reader: DataSource;
  readonly questions: Questions;
  readonly asking: Asking;
  readonly defaultRealm: string;
  readonly options: BatchOptions;
}

/** Rows of one statement. Twice as many make the list no faster (25,300 and 22,900 rows/s, 24,800 and 27,600 the next time), half of them make it slower (21,000). */
const rowsPerChunk = 1000;
/** Characters of input that one chunk may hold on to: lists with long columns go in shorter chunks. */
const charactersPerChunk = 4_000_000;
const chunksAtOnce = 2;

/** What holds while one list is answered: read once, so that no row is judged by another ledger than the rest. */
interface Ground {
  readonly recorded: RecordedQuestion;
  readonly coverage: Coverage;
  /** Every row is answered from what the ledger held then, however long the list takes. */
  readonly heldTo: Instant;
  /** What the ledger covers is in doubt: then nothing but a yes is known. */
  readonly isCoverageBroken: boolean;
  readonly knownAt: Instant | null;
  readonly intact: IntactRows;
}

/**
 * Answers a list of questions in its order, in chunks and with flat memory. The list is recorded as one question before
 * anything is read, about whom each chunk is before its answers go out, and how many rows went out at the end: also
 * when it fails, or when whoever asked stops reading.
 *
 * @param sizeOf characters that a row holds on to.
 */
export async function* answerInChunks<Row extends BatchEntry>(
  reading: BatchReading,
  rows: AsyncIterable<Row>,
  sizeOf: (row: Row) => number,
): AsyncGenerator<Answered<Row>[], void, undefined> {
  const { asking, defaultRealm, options, questions } = reading;
  const scope = scopeOf(asking, options, defaultRealm);
  refuseUnknownZone(options);
  const knownAt = optionalInstant(options.knownAt, options.zone, 'knownAt');
  const parameters = { realm: scope.realm, applications: scope.applications, zone: options.zone, knownAt };
  const recorded = await questions.record({ kind: 'login_state_batch', asking, about: {}, parameters });
  let rowCount = 0;
  let isOver = false;
  try {
    const read = await readGround(reading, scope, knownAt);
    const heldTo = later(recorded.askedAt, read.coverage.readAt);
    const ground = { recorded, knownAt, heldTo, intact: new IntactRows(), ...read };
    let part = 0;
    const chunks = inChunks(rows, rowsPerChunk, charactersPerChunk, sizeOf);
    for await (const answered of inOrder(
      chunks,
      (chunk) => answerChunk(reading, ground, chunk, part++),
      chunksAtOnce,
    )) {
      // Before they go out: whoever breaks off after that has them.
      rowCount += answered.length;
      yield answered;
    }
    const detail = await restsOn(reading, ground.coverage);
    await questions.recordOutcome(recorded, { outcome: 'answered', rowCount, detail });
    isOver = true;
  } catch (failure) {
    // Whoever sends the list broke it off; that is for the end to record.
    if (isAbort(failure)) throw failure;
    isOver = true;
    throw await questions.recordFailure(recorded, failure, rowCount);
  } finally {
    if (!isOver) await questions.recordOutcome(recorded, { outcome: 'abandoned', rowCount });
  }
}

/**
 * Not the instant of asking, nor the horizon: what is dated up to a horizon that was read a moment later may have been recorded between
 * the two, and a settled answer leaves nothing of that out. On a replica whose clock is behind, asking is the later one.
 */
function later(askedAt: Instant, readAt: Instant): Instant {
  return askedAt > readAt ? askedAt : readAt;
}

function isAbort(failure: unknown): boolean {
  return typeof failure === 'object' && failure !== null && 'name' in failure && failure.name === 'AbortError';
}

/** What the rows of a list have no columns for: kept with the question. */
async function restsOn({ reader }: BatchReading, { applications }: Coverage): Promise<Record<string, unknown>> {
  const published = await publishedCheckpoint(reader);
  if (published === undefined) return { applications, checkpoint: null };
  const { size, rootHash, lastSeq } = published;
  return { applications, checkpoint: { size, rootHash, lastSeq } };
}

async function readGround(
  { reader }: BatchReading,
  scope: Scope,
  knownAt: Instant | null,
): Promise<Pick<Ground, 'coverage' | 'isCoverageBroken'>> {
  const coverage = await readCoverage(reader, knownAt, scope.applications);
  refuseUnsettled(knownAt, coverage.horizon);
  const compared = await compareWithSeals(reader, coverage.events);
  return { coverage, isCoverageBroken: compared.hasBroken(coverage.events) };
}

async function answerChunk<Row extends BatchEntry>(
  reading: BatchReading,
  ground: Ground,
  chunk: readonly Row[],
  part: number,
): Promise<Answered<Row>[]> {
  const { recorded, knownAt, heldTo } = ground;
  const asked = await mapWithPauses(chunk, (row) => questionOf(row, reading, ground));
  const questions = asked.filter((question): question is PointQuestion => !('error' in question));
  const { applications } = scopeOf(reading.asking, reading.options, reading.defaultRealm);
  const terms = { knownAt, heldTo, applications };
  const found = questions.length === 0 ? [] : await loginStates(reading.reader, questions, terms);
  const rows = found.flatMap(({ candidates }) => candidates.flatMap(foundations));
  const compared = await compareWithSeals(reading.reader, rows, found.flatMap(contradictedIn), ground.intact);
  await reading.questions.recordPart(recorded, part, peopleIn(questions, found));
  let nth = 0;
  return chunk.map((row, index) => {
    const question = asked[index]!;
    if ('error' in question) return { row, answer: question };
    return { row, answer: shortAnswer(question.at, ground, found[nth++]!, compared) };
  });
}

/** The question a row asks, or the code of what is wrong with it; nothing else of the list is touched by that. */
function questionOf(
  row: BatchEntry,
  { asking, options, defaultRealm }: BatchReading,
  { recorded, coverage }: Ground,
): PointQuestion | { error: SessionLedgerError['code'] } {
  if ('error' in row) return { error: row.error };
  try {
    const { realm } = scopeOf(asking, { ...options, realm: row.realm || options.realm }, defaultRealm);
    const userId = checkedUserId(row.userId);
    const zone = row.zone || options.zone;
    refuseUnknownZone({ zone });
    const at = parseInstant(row.at, { zone });
    refuseFuture(at, recorded.askedAt, 'at');
    return { realm, userId, at, longestSeconds: longestSecondsAt(coverage, at) };
  } catch (failure) {
    if (failure instanceof SessionLedgerError) return { error: failure.code };
    throw failure;
  }
}

function peopleIn(questions: readonly PointQuestion[], found: readonly LoginStateFound[]): PartOfList {
  const subjectIds = found.flatMap(({ subjectId }) => subjectId ?? []);
  const strangers = questions.filter((_, index) => found[index]!.subjectId === null);
  return { subjectIds: [...new Set(subjectIds)], strangers };
}

function shortAnswer(
  at: Instant,
  { coverage, isCoverageBroken }: Ground,
  found: LoginStateFound,
  compared: ComparedRows,
): BatchLoginState {
  const { candidates, misattributed } = found;
  const trusted = candidates.filter((candidate) => !compared.hasBroken(foundations(candidate)));
  const isBroken = isCoverageBroken || misattributed !== null || trusted.length < candidates.length;
  const verdict = verdictOn(at, coverage, found, { trusted, isBroken });
  const own = trusted
    .filter(({ isLive, isImpersonation }) => isLive && !isImpersonation)
    .sort((a, b) => firstSeq(b) - firstSeq(a));
  return {
    answer: verdict.answer,
    reason: verdict.reason,
    settled: at <= coverage.horizon,
    sessionIds: own.map(({ sessionId }) => sessionId),
    evidenceSeqs: evidenceOf(candidates, trusted, verdict).evidence.map(({ seq }) => seq),
  };
}

function firstSeq(candidate: Candidate): number {
  return foundations(candidate)[0]!.seq;
}
