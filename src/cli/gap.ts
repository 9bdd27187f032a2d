import { Command } from 'commander';
import { json, ledgerCommand, operatingSystemUser, type CommandOptions, type Surroundings } from './command.js';
import { withLedger } from './with-ledger.js';

interface GapOptions extends CommandOptions {
  cause: string;
  from?: string;
  to?: string;
  zone?: string;
  case?: string;
  revokeLive?: true;
}

/** `gap record`: says on the ledger of which time it cannot tell what happened. */
export function gapCommand(surroundings: Surroundings): Command {
  return new Command('gap')
    .description('record a time of which the ledger cannot say what happened')
    .exitOverride()
    .addCommand(record(surroundings));
}

function record({ variables, print }: Surroundings): Command {
  return ledgerCommand('record', 'record a gap; after a clock that stepped back it also lets recording go on')
    .requiredOption('--cause <code>', 'such as outage, clock_step, restored')
    .option('--from <instant>', 'when it began; else when the clock stepped back')
    .option('--to <instant>', 'when it ended; else now')
    .option('--zone <zone>', 'the zone of instants without an offset')
    .option('--case <id>', 'a reference of your own, kept with the gap')
    .option('--revoke-live', 'end every live session too: after a restore, revocations may be among what was lost')
    .action(async (options: GapOptions) => {
      const [{ parseInstant }, { shownZone }, { recorderId }, { recordGap }] = await Promise.all([
        import('../ledger/instant.js'),
        import('./local-time.js'),
        import('../ledger/recorder.js'),
        import('../operator/record-gap.js'),
      ]);
      shownZone(options.zone);
      const { cause, zone, revokeLive = false } = options;
      const from = options.from === undefined ? undefined : parseInstant(options.from, { zone, field: 'from' });
      const to = options.to === undefined ? undefined : parseInstant(options.to, { zone, field: 'to' });
      const detail: Record<string, string> = options.case === undefined ? {} : { caseId: options.case };
      const recorded = await withLedger(options, variables, 'writer', async (database) =>
        recordGap(database, { from, to, cause, detail, revokeLive }, await recorderId(database, operatingSystemUser())),
      );
      const revocations = revokeLive ? `, and revoked ${recorded.revoked} live sessions` : '';
      await print(options.json ? json(recorded) : `Recorded the gap as event ${recorded.seq}${revocations}\n`);
    });
}
