import { SessionLedgerError } from '../errors.js';
import type { Answered } from './batch.js';
import type { BatchAnswer, BatchEntry } from './batch-row.js';
import { utf8Bytes } from './utf8-bytes.js';

/** A row with its own text, which goes back as it came; empty for a line that could not be added to. */
export type NdjsonRow = BatchEntry & { readonly text: string };

/** Answers rows in chunks, in their order. */
export type AnswerNdjsonRows = (rows: AsyncIterable<NdjsonRow>) => AsyncIterable<Answered<NdjsonRow>[]>;

const ownName = 'loginState';
/** Characters. */
const longestLine = 1_048_576;

/**
 * Answers a list in NDJSON: one JSON object (RFC 8259) with `userId`, `at`, perhaps `realm` and `zone`, and anything
 * else, on each line. Every line comes back in its place with its own text unchanged and `loginState` added. A line that
 * is no such object, or names a member twice, comes back as its error alone. Empty lines are passed over.
 *
 * @param answer records and answers the list.
 * @returns pieces of the answer; the first one is not there before the question is on record.
 * @throws SessionLedgerError ERR_COLUMN_COLLISION when the first line has a `loginState`; a later one gets it as its error.
 */
export async function* answerNdjson(
  bytes: AsyncIterable<Uint8Array | string>,
  answer: AnswerNdjsonRows,
): AsyncGenerator<string, void, undefined> {
  for await (const chunk of answer(rowsOf(linesOf(bytes)))) {
    yield chunk.map(({ row, answer }) => `${withLoginState(row.text, answer)}\n`).join('');
  }
}

async function* linesOf(bytes: AsyncIterable<Uint8Array | string>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  for await (const chunk of utf8Bytes(bytes)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    yield* lines;
    if (rest.length > longestLine) {
      throw new SessionLedgerError('ERR_INVALID_INPUT', `a line is longer than ${longestLine} characters`);
    }
  }
  yield rest;
}

async function* rowsOf(lines: AsyncIterable<string>): AsyncGenerator<NdjsonRow, void, undefined> {
  let isFirst = true;
  for await (const line of lines) {
    const text = line.trim();
    if (text === '') continue;
    const row = rowOf(text);
    if (isFirst && 'error' in row && row.error === 'ERR_COLUMN_COLLISION') throw collision();
    isFirst = false;
    yield row;
  }
}

function rowOf(text: string): NdjsonRow {
  const value = parsed(text);
  if (value === undefined || namesOneTwice(text)) return { error: 'ERR_INVALID_INPUT', text: '' };
  if (ownName in value) return { error: 'ERR_COLUMN_COLLISION', text: '' };
  const { userId, at, realm, zone } = value;
  if (typeof userId !== 'string') return { error: 'ERR_INVALID_USER_ID', text };
  if (typeof at !== 'string') return { error: 'ERR_INVALID_INSTANT', text };
  if (!isOptionalText(realm) || !isOptionalText(zone)) return { error: 'ERR_INVALID_INPUT', text };
  return { userId, at, realm: realm ?? undefined, zone: zone ?? undefined, text };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // no JSON: said in the line's own place
  }
}

function isOptionalText(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === 'string';
}

/** JSON.parse keeps the last of two members with one name (RFC 8259 4 leaves it open): which user was meant? */
function namesOneTwice(text: string): boolean {
  const names = new Set<string>();
  let depth = 0;
  for (const [token, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (depth === 1 && colon !== undefined) {
      const name = JSON.parse(token.slice(0, -colon.length)) as string;
      if (names.has(name)) return true;
      names.add(name);
    }
  }
  return false;
}

/** The line's own text with one member more; numbers, spaces and escapes in it stay as they were written. */
function withLoginState(text: string, answer: BatchAnswer): string {
  const member = `"${ownName}":${JSON.stringify(answer)}`;
  if (text === '') return `{${member}}`;
  const open = text.slice(0, -1).trimEnd();
  return open.endsWith('{') && open.length === 1 ? `{${member}}` : `${open},${member}}`;
}

function collision(): SessionLedgerError {
  return new SessionLedgerError(
    'ERR_COLUMN_COLLISION',
    `the list's objects have a member ${ownName} already; rename it`,
    {
      field: ownName,
    },
  );
}
