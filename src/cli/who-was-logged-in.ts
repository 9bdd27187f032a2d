import type { Command } from 'commander';
import type { LoggedInPage } from '../query/logged-in-at.js';
import { askingCommand, json, type AskingOptions, type Surroundings } from './command.js';

interface Options extends AskingOptions {
  at?: string;
  zone?: string;
  knownAt?: string;
  realm?: string;
  application?: string;
}

/** `who-was-logged-in --at <instant>`: everyone, through all pages. */
export function whoWasLoggedInCommand({ variables, print }: Surroundings): Command {
  return askingCommand('who-was-logged-in', 'everyone logged in at an instant')
    .option('--at <instant>', 'RFC 3339 with an offset, or a local time beside --zone; else now')
    .option('--zone <zone>', 'the zone of an instant without an offset, such as Europe/Berlin')
    .option('--known-at <instant>', 'answer from what the ledger said then')
    .option('--realm <realm>', 'whose user ids these are')
    .option('--application <application>', 'ask about one application')
    .action(async (options: Options) => {
      const [{ shownZone }, { withHistory }, { everyPage }] = await Promise.all([
        import('./local-time.js'),
        import('./with-history.js'),
        import('./every-page.js'),
      ]);
      const shown = shownZone(options.zone);
      const { at, zone, knownAt, realm, application } = options;
      const question = { at, zone, knownAt, realm, application, limit: 1000 };
      const unknown: LoggedInPage['unknown'] = [];
      let absenceUnknown: LoggedInPage['absenceUnknown'] = null;
      const answer = await withHistory(options, variables, (history, asking) =>
        everyPage(async (after) => {
          const page = await history.loggedInAt({ ...question, after }, asking);
          unknown.push(...page.unknown);
          absenceUnknown ??= page.absenceUnknown;
          return page;
        }),
      );
      const whole = { ...answer, unknown, absenceUnknown };
      await print(options.json ? json(whole) : await described(whole, shown));
    });
}

async function described(page: LoggedInPage, zone: string): Promise<string> {
  const [{ inZone }, { alarm, covering, standing }, { table }] = await Promise.all([
    import('./local-time.js'),
    import('./standing.js'),
    import('./table.js'),
  ]);
  const rows = page.items.map(({ userId, sessions }) => [userId, String(sessions.length)]);
  const absence =
    page.absenceUnknown === null
      ? 'Whoever is not listed was not logged in\n'
      : `Whether anybody else was logged in is unknown (${page.absenceUnknown})\n`;
  return [
    `Logged in at ${inZone(page.at, zone)}: ${rows.length}\n`,
    standing(page, zone),
    covering(page.applications, zone),
    alarm(page),
    absence,
    table(['user', 'sessions'], rows),
    page.unknown.length === 0
      ? ''
      : `\n${table(
          ['unknown (integrity)'],
          page.unknown.map(({ userId }) => [userId]),
        )}`,
  ].join('');
}
