import type { Command } from 'commander';
import { askingCommand, json, type AskingOptions, type Surroundings } from './command.js';

/** `history <sessionId>`: what happened in a session, event by event. */
export function historyCommand({ variables, print }: Surroundings): Command {
  return askingCommand('history <sessionId>', 'what happened in a session, event by event')
    .option('--zone <zone>', 'the zone that times are shown in, such as Europe/Berlin')
    .action(async (sessionId: string, options: AskingOptions & { zone?: string }) => {
      const [{ inZone, shownZone }, { withHistory }, { everyPage }, { alarm }, { table }] = await Promise.all([
        import('./local-time.js'),
        import('./with-history.js'),
        import('./every-page.js'),
        import('./standing.js'),
        import('./table.js'),
      ]);
      const zone = shownZone(options.zone);
      const answer = await withHistory(options, variables, (history, asking) =>
        everyPage((after) => history.events(sessionId, { limit: 1000, after }, asking)),
      );
      if (options.json) return print(json(answer));
      const rows = answer.items.map(({ seq, sessionSeq, kind, occurredAt, expiresAt, reason, client }) => [
        String(seq),
        String(sessionSeq),
        kind,
        inZone(occurredAt, zone),
        inZone(expiresAt, zone),
        reason,
        client?.ip ?? null,
      ]);
      await print(
        `Times in ${zone}\n${alarm(answer)}${table(['seq', 'no', 'event', 'occurred', 'deadline', 'reason', 'address'], rows)}`,
      );
    });
}
