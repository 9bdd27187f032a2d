/**
 * An instant of a row, held within the years that can be written (RFC 3339). Without its CHECK, a row may hold `infinity`: that it
 * contradicts its seal is for the comparison to say, which reading it must not prevent.
 *
 * @param instant a column.
 */
export function withinYears(instant: string): string {
  return `CASE WHEN ${instant} IS NOT NULL THEN greatest(least(${instant}, '9999-12-31T23:59:59.999999Z'), '0001-01-01T00:00:00Z') END`;
}
