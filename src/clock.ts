/**
 * This machine's clock, for names of files and lines of logs that people read. Never for the ledger, whose only clock
 * is the database's, and never for durations, which `performance.now()` measures without an operator setting it back.
 *
 * @returns an RFC 3339 UTC instant with milliseconds.
 * @example
 * machineTime(); // '2026-03-04T02:14:00.123Z'
 */
export function machineTime(): string {
  return new Date().toISOString();
}

/**
 * An instant so many days from now by this machine's clock, as clients of other services want it.
 *
 * @example
 * machineDaysAhead(365); // until when an object is locked
 */
export function machineDaysAhead(days: number): Date {
  return new Date(Date.now() + days * 86_400_000);
}
