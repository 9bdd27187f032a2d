import { canonicalJson } from '../ledger/canonical-json.js';
import { cellOf, type RowFormat } from './row-format.js';

/** One object in a line, in canonical JSON (RFC 8785), so that the same rows are the same bytes. Values are exact. */
export const ndjson: RowFormat = {
  mediaType: 'application/x-ndjson',
  extension: 'ndjson',
  notes: null,
  head: () => '',
  body: (columns, rows) =>
    rows
      .map(
        (row) => `${canonicalJson(Object.fromEntries(columns.map((column) => [column.name, cellOf(row, column)])))}\n`,
      )
      .join(''),
};
