import { CommanderError } from 'commander';
import { SessionLedgerError } from '../errors.js';
import { inFull } from '../ledger/failure-in-full.js';

/**
 * The exit code of a command that did not get to its end: 2 for one that was called wrongly, 1 for one that failed.
 * Commander has already said what it did not understand; `--help` is no failure at all.
 */
export function exitCodeOf(failure: unknown, remark: (text: string) => void): number {
  if (failure instanceof CommanderError) return failure.exitCode === 0 ? 0 : 2;
  if (failure instanceof SessionLedgerError) remark(`session-ledger: ${inFull(failure)} (${failure.code})`);
  else remark(`session-ledger: ${failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)}`);
  return 1;
}
