import type { Command } from 'commander';
import type { RebuildReport } from '../session/rebuild.js';
import { json, ledgerCommand, type CommandOptions, type Surroundings } from './command.js';
import { table } from './table.js';
import { withLedger } from './with-ledger.js';

/** `rebuild [--check]`: compares the rows of the sessions with what the ledger says, and mends them. */
export function rebuildCommand({ variables, print }: Surroundings): Command {
  return ledgerCommand('rebuild', 'write the rows of the sessions anew from the ledger, where they differ')
    .option('--check', 'change nothing; exit 1 when a row differs')
    .action(async ({ check = false, ...options }: CommandOptions & { check?: boolean }) => {
      const { rebuildSessions } = await import('../session/rebuild.js');
      const report = await withLedger(
        options,
        variables,
        check ? 'writer' : 'owner',
        (database) => rebuildSessions(database, { check }),
        { readsWholeTables: true },
      );
      if (check && report.differences > 0) process.exitCode = 1;
      await print(options.json ? json(report) : described(report, check));
    });
}

function described({ sessions, differences, repaired, first }: RebuildReport, check: boolean): string {
  if (differences === 0) return `${sessions} sessions, each row as the ledger says\n`;
  const rows = first.map(({ sessionId, kind, columns }) => [sessionId, kind, columns.join(', ')]);
  const verdict = check ? 'run "session-ledger rebuild" to mend them' : `${repaired} rows written anew`;
  return `${sessions} sessions, ${differences} rows differ from the ledger: ${verdict}\n${table(['session', 'difference', 'columns'], rows)}`;
}
