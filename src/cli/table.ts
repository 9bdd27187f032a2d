import { printable } from './printable.js';

/**
 * Rows in aligned columns under their headings, for people.
 *
 * @example
 * table(['user', 'session'], [['alice', '0192…']]);
 */
export function table(headings: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const cells = [headings, ...rows].map((row) => row.map((cell) => printable(cell ?? '-')));
  const widths = headings.map((_, column) => cells.reduce((widest, row) => Math.max(widest, lengthOf(row[column])), 0));
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => padded(cell, widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - lengthOf(cell)));
}

function lengthOf(cell: string | undefined): number {
  return [...(cell ?? '')].length;
}
