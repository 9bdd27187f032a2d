import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { stringify } from 'csv-stringify/sync';
import { SessionLedgerError, type SessionLedgerErrorCode } from '../errors.js';
import type { Answered } from './batch.js';
import type { BatchAnswer, BatchEntry } from './batch-row.js';
import { utf8Bytes } from './utf8-bytes.js';

/** A row with its own text, which goes back as it came. */
export type CsvRow = BatchEntry & { readonly text: string };

/** Answers rows in chunks, in their order. */
export type AnswerCsvRows = (rows: AsyncIterable<CsvRow>) => AsyncIterable<Answered<CsvRow>[]>;

/** The columns that are appended to every row. Lists within a field are separated by spaces. */
const ownColumns = [
  'login_answer',
  'login_reason',
  'login_settled',
  'login_session_ids',
  'login_evidence_seqs',
  'login_error',
];
const neededColumns = ['userId', 'at'];
/** Bytes. Beyond it a quote was left open somewhere, and the rest of the file would be read into one field. */
const longestRow = 1_048_576;

interface Layout {
  /** The header's own text. */
  text: string;
  lineEnd: '\r\n' | '\n';
  width: number;
  userId: number;
  at: number;
  realm: number;
  zone: number;
}

/** A record as csv-parse gives it with `raw`. */
interface ParsedRow {
  raw: string;
  record: string[];
}

/**
 * Answers a list in CSV (RFC 4180; UTF-8, with or without a byte order mark; lines that end in CRLF or LF). It has a header with `userId`
 * and `at`, perhaps `realm` and `zone`, and any other columns. Every row comes back in its place with its own text
 * unchanged and six columns more, none of whose values a spreadsheet takes for a formula. A row with too few fields is
 * filled up, of one with too many the surplus is dropped, so that the new columns stand below their names; both get an error.
 *
 * @param answer records and answers the list; called once its header is found to be right.
 * @returns pieces of the answer; the first one is not there before the question is on record.
 * @throws SessionLedgerError ERR_INVALID_INPUT, ERR_COLUMN_COLLISION
 */
export async function* answerCsv(
  bytes: AsyncIterable<Uint8Array | string>,
  answer: AnswerCsvRows,
): AsyncGenerator<string, void, undefined> {
  const mark = { isPresent: false };
  const records = parsedRows(bytes, mark);
  const header = await records.next();
  if (header.done === true)
    throw new SessionLedgerError('ERR_INVALID_INPUT', 'the list has no header; name its columns');
  const layout = layoutOf(header.value);
  let head = `${mark.isPresent ? '\uFEFF' : ''}${layout.text},${ownColumns.join(',')}${layout.lineEnd}`;
  for await (const chunk of answer(rowsOf(records, layout))) {
    yield head + chunk.map(({ row, answer }) => `${row.text},${fieldsOf(answer)}${layout.lineEnd}`).join('');
    head = '';
  }
  if (head !== '') yield head;
}

async function* parsedRows(
  bytes: AsyncIterable<Uint8Array | string>,
  mark: { isPresent: boolean },
): AsyncGenerator<ParsedRow, void, undefined> {
  const parser = parse({
    bom: true,
    raw: true,
    // Left to itself the parser takes the end of the first line for that of all: in a file put together of two, the rest of the
    // rows would become one.
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: longestRow,
  });
  // Whatever fails in the source reaches the loop below through the parser.
  pipeline(Readable.from(noticeMark(utf8Bytes(bytes), mark)), parser, () => undefined);
  try {
    for await (const row of parser) yield row as ParsedRow;
  } catch (failure) {
    throw failure instanceof CsvError ? unreadable(failure) : failure;
  }
}

async function* noticeMark(bytes: AsyncIterable<Uint8Array>, mark: { isPresent: boolean }): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const chunk of bytes) {
    if (isFirst) mark.isPresent = chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
    isFirst = false;
    yield chunk;
  }
}

function layoutOf({ raw, record }: ParsedRow): Layout {
  const column = (name: string): number => {
    if (record.indexOf(name) !== record.lastIndexOf(name)) throw badHeader(`has two columns ${name}`);
    return record.indexOf(name);
  };
  if (record.some((name) => /\r(?!\n)/.test(name))) throw badHeader('ends in CR alone; save the list with CRLF or LF');
  const missing = neededColumns.filter((name) => !record.includes(name));
  if (missing.length > 0) throw badHeader(`lacks the column ${missing.join(' and ')}; columns are separated by commas`);
  const collision = ownColumns.find((name) => record.includes(name));
  if (collision !== undefined) {
    throw new SessionLedgerError('ERR_COLUMN_COLLISION', `the list has a column ${collision} already; rename it`, {
      field: collision,
    });
  }
  return {
    text: withoutLineEnd(raw),
    lineEnd: raw.endsWith('\n') && !raw.endsWith('\r\n') ? '\n' : raw.includes('\r') ? '\r\n' : '\n',
    width: record.length,
    userId: column('userId'),
    at: column('at'),
    realm: column('realm'),
    zone: column('zone'),
  };
}

async function* rowsOf(records: AsyncIterable<ParsedRow>, layout: Layout): AsyncGenerator<CsvRow, void, undefined> {
  for await (const { raw, record } of records) {
    if (record.length === layout.width) {
      const { userId, at, realm, zone } = layout;
      yield {
        text: withoutLineEnd(raw),
        userId: record[userId]!,
        at: record[at]!,
        realm: record[realm],
        zone: record[zone],
      };
      continue;
    }
    const fields = Array.from({ length: layout.width }, (_, index) => record[index] ?? '');
    yield { text: stringify([fields], { record_delimiter: '' }), error: 'ERR_INVALID_INPUT' };
  }
}

/** csv-parse counts a part of CRLF to the row before or after it. */
function withoutLineEnd(raw: string): string {
  return raw.replace(/^[\r\n]+/, '').replace(/[\r\n]+$/, '');
}

function fieldsOf(answer: BatchAnswer): string {
  if ('error' in answer) return `,,,,,${answer.error satisfies SessionLedgerErrorCode}`;
  const { answer: verdict, reason, settled, sessionIds, evidenceSeqs } = answer;
  return `${verdict},${reason ?? ''},${settled},${sessionIds.join(' ')},${evidenceSeqs.join(' ')},`;
}

function badHeader(what: string): SessionLedgerError {
  return new SessionLedgerError('ERR_INVALID_INPUT', `the list's header ${what}`, { field: 'header' });
}

function unreadable(failure: CsvError): SessionLedgerError {
  const line = typeof failure['lines'] === 'number' ? ` at line ${failure['lines']}` : '';
  const why = failure.code === 'CSV_MAX_RECORD_SIZE' ? `a row is longer than ${longestRow} bytes` : 'it is no CSV';
  return new SessionLedgerError('ERR_INVALID_INPUT', `the list cannot be read${line}: ${why}; is a quote left open?`, {
    cause: failure,
  });
}
