import type { Command } from 'commander';
import { SessionLedgerError } from '../errors.js';
import type { LoginHistory } from '../query/login-history.js';
import type { LoginStateOver } from '../query/login-state-over.js';
import { askingCommand, json, type AskingOptions, type Surroundings } from './command.js';

interface Options extends AskingOptions {
  at?: string;
  from?: string;
  to?: string;
  zone?: string;
  knownAt?: string;
  realm?: string;
  application?: string;
}

// Beside 0 none of these is a code that a shell, Node or a failure ends with: a broken installation is never a verdict.
const exitCodes = { logged_in: 0, not_logged_in: 10, unknown: 11 } as const;

/** `was-logged-in <user> --at <instant>` or `--from --to`: the answer in the exit code, what it rests on in a table. */
export function wasLoggedInCommand({ variables, print }: Surroundings): Command {
  return askingCommand(
    'was-logged-in <user>',
    'exit 0 logged in, 10 not logged in, 11 unknown; anything else is a failure',
  )
    .option('--at <instant>', 'RFC 3339 with an offset, or a local time beside --zone; else now')
    .option('--from <instant>', 'ask about a range, together with --to: exit 0 if logged in at some time of it')
    .option('--to <instant>', 'where the range ends; this instant is no part of it')
    .option('--zone <zone>', 'the zone of an instant without an offset, such as Europe/Berlin')
    .option('--known-at <instant>', 'answer from what the ledger said then')
    .option('--realm <realm>', 'whose user id this is')
    .option('--application <application>', 'ask about one application')
    .action(async (userId: string, options: Options) => {
      const [{ shownZone }, { withHistory }, { describedRange, describedState }] = await Promise.all([
        import('./local-time.js'),
        import('./with-history.js'),
        import('./described-state.js'),
      ]);
      const zone = shownZone(options.zone);
      const asked = await withHistory(options, variables, (history, asking) => {
        const { at, from, to, knownAt, realm, application } = options;
        const question = { userId, zone: options.zone, knownAt, realm, application };
        return ask(history, rangeOf({ at, from, to }), { ...question, at }, asking);
      });
      if ('over' in asked) {
        const verdict = verdictOver(asked.over);
        const says = verdict === 'logged_in' ? 'logged in at some time' : verdict.replaceAll('_', ' ');
        await print(options.json ? json(asked.over) : describedRange(asked.over, says, zone));
        process.exitCode = exitCodes[verdict];
        return;
      }
      await print(options.json ? json(asked.at) : describedState(asked.at, zone));
      process.exitCode = exitCodes[asked.at.answer];
    });
}

type PointQuestion = Parameters<LoginHistory['loginStateAt']>[0];
type Asking = Parameters<LoginHistory['loginStateAt']>[1];
type Asked = { at: Awaited<ReturnType<LoginHistory['loginStateAt']>> } | { over: LoginStateOver };

async function ask(
  history: LoginHistory,
  range: { from: string; to: string } | undefined,
  { at, ...question }: PointQuestion,
  asking: Asking,
): Promise<Asked> {
  return range === undefined
    ? { at: await history.loginStateAt({ ...question, at }, asking) }
    : { over: await history.loginStateOver({ ...question, ...range }, asking) };
}

function rangeOf({ at, from, to }: Pick<Options, 'at' | 'from' | 'to'>): { from: string; to: string } | undefined {
  if (from === undefined && to === undefined) return undefined;
  if (at !== undefined) throw badTimes('at', 'ask either --at an instant or --from one --to another');
  if (from === undefined) throw badTimes('from', '--to goes with --from');
  if (to === undefined) throw badTimes('to', '--from goes with --to');
  return { from, to };
}

/** A yes at any instant of the range beats an unknown, and that a no, as at one instant. */
function verdictOver({ intervals }: LoginStateOver): keyof typeof exitCodes {
  const answers = new Set(intervals.map(({ answer }) => answer));
  if (answers.has('logged_in')) return 'logged_in';
  return answers.has('unknown') ? 'unknown' : 'not_logged_in';
}

function badTimes(field: string, message: string): SessionLedgerError {
  return new SessionLedgerError('ERR_INVALID_INPUT', message, { field });
}
