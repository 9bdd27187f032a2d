import type { ReportColumn } from './report-definition.js';

/** What a cell can hold, as the ledger's type parsers read it. */
export type Cell = string | number | readonly string[] | readonly number[] | null;

/** One row of a report, by column name. */
export type Row = Readonly<Record<string, Cell>>;

/** How rows become text. */
export interface RowFormat {
  readonly mediaType: string;
  readonly extension: 'csv' | 'ndjson';
  /** What a reader of the file has to know to get the values back; null: nothing. */
  readonly notes: Readonly<Record<string, string>> | null;
  /** What stands before the first row. */
  head(columns: readonly ReportColumn[]): string;
  body(columns: readonly ReportColumn[], rows: readonly Row[]): string;
}

/** The cell of a column; a statement that lacks the column is a fault of the definition, not an empty cell. */
export function cellOf(row: Row, { name }: ReportColumn): Cell {
  const cell = row[name];
  if (cell === undefined) throw new Error(`the statement has no column ${name}`);
  return cell;
}
