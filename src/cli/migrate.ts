import type { Command } from 'commander';
import { interruptible } from './interruption.js';
import type { ChosenLedger } from './ledger-choice.js';
import { json, ledgerCommand, type CommandOptions, type Surroundings } from './command.js';

/** `migrate [--check]`: brings the database to this release, or says what it lacks. */
export function migrateCommand(surroundings: Surroundings): Command {
  return ledgerCommand('migrate', 'bring the database to this release')
    .option('--check', 'change nothing; exit 1 when something is pending')
    .action(async (options: CommandOptions & { check?: boolean }) => {
      const { chooseLedger, environmentOf } = await import('./ledger-choice.js');
      const environment = environmentOf(options, surroundings.variables);
      await interruptible(async () => {
        // A stopped one must not be migrated by being started: what is pending is to be told, or done and told.
        const ledger = await chooseLedger(
          environment,
          options.check ? { whenEmpty: 'refuse', upTo: 'as it is' } : { whenEmpty: 'make', upTo: 'made' },
        );
        try {
          if (options.check) await check(ledger.ownerUrl, options, surroundings);
          else await apply(ledger, environment.rolePrefix, options, surroundings);
        } finally {
          await ledger.release();
        }
      });
    });
}

async function apply(
  { url, ownerUrl }: ChosenLedger,
  rolePrefix: string,
  options: CommandOptions,
  { print, remark }: Surroundings,
): Promise<void> {
  // The login that works with the ledger and does not own it is let in here, as it is when the service starts.
  const serviceLogin = url === ownerUrl ? {} : { serviceLogin: decodeURIComponent(new URL(url).username) };
  const { migrate } = await import('../ledger/migrate.js');
  const done = await migrate({ url: ownerUrl, rolePrefix, ...serviceLogin });
  for (const warning of done.warnings) remark(warning);
  if (options.json) return print(json(done));
  await print(
    done.applied.length === 0
      ? 'Nothing to do: the database is at this release\n'
      : `Applied:\n  ${done.applied.join('\n  ')}\n`,
  );
}

async function check(url: string, options: CommandOptions, { print }: Surroundings): Promise<void> {
  const { checkMigrations } = await import('../ledger/migrate.js');
  const { pending, unknown } = await checkMigrations({ url });
  if (pending.length + unknown.length > 0) process.exitCode = 1;
  if (options.json) return print(json({ pending, unknown }));
  const findings = [
    ...pending.map((name) => `pending: ${name} (run "session-ledger migrate")`),
    ...unknown.map((name) => `unknown: ${name} (a newer release migrated this database; run that one)`),
  ];
  await print(findings.length === 0 ? 'The database is at this release\n' : `${findings.join('\n')}\n`);
}
