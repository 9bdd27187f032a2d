import { stringify } from 'csv-stringify/sync';
import { cellOf, type Cell, type RowFormat } from './row-format.js';

/**
 * Spreadsheets read a cell that begins like this as a formula, even a quoted one: the characters of OWASP ASVS 5.0,
 * 1.2.10, with CR, LF and the full-width forms of OWASP's page on CSV injection. The apostrophe itself is among them, so
 * that taking one leading apostrophe off gives every value back exactly.
 */
const beginsAFormula = /^[=+\-@\t\r\n\0'\uFF1D\uFF0B\uFF0D\uFF20]/;

/** RFC 4180: a header, CRLF after every record, quotes where they are needed. */
export const csv: RowFormat = {
  mediaType: 'text/csv; charset=utf-8; header=present',
  extension: 'csv',
  notes: {
    apostrophe:
      "A value that begins with = + - @ ' (or a full-width one of the first four), tab, CR or LF has an apostrophe put before it, so that no spreadsheet runs it as a formula (OWASP ASVS 5.0, 1.2.10). Take one leading apostrophe off a cell to get its value.",
    lists: 'The values of a list stand in one cell, with a space between them.',
    empty: 'An empty cell is no value, or an empty text.',
  },
  head: (columns) => records([columns.map(({ name }) => name)]),
  body: (columns, rows) => records(rows.map((row) => columns.map((column) => cellText(cellOf(row, column))))),
};

function records(rows: (string | null)[][]): string {
  return stringify(rows, { record_delimiter: '\r\n' });
}

function cellText(cell: Cell): string | null {
  if (cell === null) return null;
  if (typeof cell === 'number') return String(cell);
  const text = typeof cell === 'string' ? cell : cell.join(' ');
  return beginsAFormula.test(text) ? `'${text}` : text;
}
