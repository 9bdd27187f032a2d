import type { Command } from 'commander';
import { askingCommand, json, type AskingOptions, type Surroundings } from './command.js';

interface Options extends AskingOptions {
  from?: string;
  to?: string;
  zone?: string;
  realm?: string;
}

/** `sessions <user> [--from --to]`: the sessions of a user. */
export function sessionsCommand({ variables, print }: Surroundings): Command {
  return askingCommand('sessions <user>', 'the sessions of a user')
    .option('--from <instant>', 'live at or after this instant')
    .option('--to <instant>', 'opened before this instant')
    .option('--zone <zone>', 'the zone of instants without an offset, such as Europe/Berlin')
    .option('--realm <realm>', 'whose user id this is')
    .action(async (userId: string, options: Options) => {
      const [{ inZone, shownZone }, { withHistory }, { everyPage }, { alarm }, { table }] = await Promise.all([
        import('./local-time.js'),
        import('./with-history.js'),
        import('./every-page.js'),
        import('./standing.js'),
        import('./table.js'),
      ]);
      const shown = shownZone(options.zone);
      const { from, to, zone, realm } = options;
      const answer = await withHistory(options, variables, (history, asking) =>
        everyPage((after) => history.sessionsOf({ userId, from, to, zone, realm, limit: 1000, after }, asking)),
      );
      if (options.json) return print(json(answer));
      const rows = answer.items.map(({ sessionId, application, createdAt, state, endedAt, endReason }) => [
        sessionId,
        application,
        inZone(createdAt, shown),
        state === 'ended' ? inZone(endedAt, shown) : state,
        endReason,
      ]);
      await print(
        `Times in ${shown}\n${alarm(answer)}${table(['session', 'application', 'opened', 'ended', 'reason'], rows)}`,
      );
    });
}
