import { once } from 'node:events';
import type { Command } from 'commander';
import { destination } from 'pino';
import { SessionLedgerError } from '../errors.js';
import { serviceLog } from '../http/service-log.js';
import { ledgerDataSource } from '../ledger/ledger-data-source.js';
import { auditorOf } from '../main/auditing.js';
import { sealingOf, type SealingSurroundings } from '../main/sealing.js';
import { rolesOf } from '../main/service-database.js';
import { openDataDirectory } from '../postgres/data-directory.js';
import { publishedCheckpoint } from '../seal/checkpoint-published.js';
import { json, ledgerCommand, type CommandOptions, type Surroundings } from './command.js';
import { chooseLedger, environmentOf } from './ledger-choice.js';

/**
 * `seal [--watch]`: seals a ledger that no service seals, as one that applications record in through the library. It is what a service
 * does by itself, with the same settings.
 */
export function sealCommand({ variables, print }: Surroundings): Command {
  return ledgerCommand(
    'seal',
    'seal and publish what is recorded, where no service does; settings come from the environment',
  )
    .option('--watch', 'go on, and audit what is sealed, until stopped')
    .action(async (options: CommandOptions & { watch?: boolean }) => {
      const environment = environmentOf(options, variables);
      const ledger = await chooseLedger(environment, { whenEmpty: 'refuse' });
      const { url } = ledger;
      const roles = await rolesOf(url, environment.rolePrefix);
      const applicationName = 'session-ledger seal';
      const { rolePrefix, logLevel } = environment;
      const reader = await ledgerDataSource({
        url,
        role: roles.reader,
        rolePrefix,
        poolSize: 2,
        applicationName,
      }).initialize();
      try {
        const dataDir = await openDataDirectory(environment.dataDir);
        const logger = serviceLog(logLevel, destination({ fd: 2, sync: true }));
        const surroundings = { environment, database: { url, roles }, reader, dataDir, logger, observer: unobserved };
        await (options.watch ? watch(surroundings) : sealOnce(surroundings));
        const published = await publishedCheckpoint(reader);
        if (published === undefined) return;
        const { origin, size, rootHash } = published;
        await print(options.json ? json({ origin, size, rootHash }) : `${origin}: ${size} events sealed\n`);
      } finally {
        await reader.destroy();
        await ledger.release();
      }
    });
}

/** What goes wrong is in the log; there is no scraper. */
const unobserved: SealingSurroundings['observer'] = {
  sealWorkFailed: () => undefined,
  auditFoundFaults: () => undefined,
  lateRowsFound: () => undefined,
};

async function sealOnce(surroundings: SealingSurroundings): Promise<void> {
  const sealing = await required(surroundings);
  try {
    await sealing.once(new AbortController().signal);
  } finally {
    await sealing.stop();
  }
}

async function watch(surroundings: SealingSurroundings): Promise<void> {
  const sealing = await required(surroundings);
  const auditor = await auditorOf(surroundings);
  sealing.start();
  auditor?.start();
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await Promise.all([sealing.stop(), auditor?.stop()]);
}

async function required(
  surroundings: SealingSurroundings,
): Promise<NonNullable<Awaited<ReturnType<typeof sealingOf>>>> {
  const sealing = await sealingOf(surroundings);
  if (sealing !== undefined) return sealing;
  throw new SessionLedgerError(
    'ERR_CONFIGURATION',
    'the key of this ledger lies somewhere else: run this where it was made, or hand it over by SESSION_LEDGER_SEAL_KEY_FILE',
  );
}
