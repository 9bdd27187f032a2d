import { open } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { Option, type Command } from 'commander';
import { SessionLedgerError } from '../errors.js';
import { askingCommand, type AskingOptions, type Surroundings } from './command.js';

interface Options extends AskingOptions {
  format?: 'csv' | 'ndjson';
  zone?: string;
  knownAt?: string;
  realm?: string;
  application?: string;
}

/** `check <file.csv | ->`: a list of questions; the same rows come out with their answers, progress beside them. */
export function checkCommand({ variables, print, remark }: Surroundings): Command {
  return askingCommand('check <file>', 'answer a list of questions (CSV or NDJSON; - reads standard input)')
    .addOption(
      new Option('--format <format>', 'what the list is; else by the end of its name, else csv').choices([
        'csv',
        'ndjson',
      ]),
    )
    .option('--zone <zone>', 'the zone of instants without an offset, such as Europe/Berlin')
    .option('--known-at <instant>', 'answer from what the ledger said then')
    .option('--realm <realm>', 'whose user ids these are, where a row does not say')
    .option('--application <application>', 'ask about one application')
    .action(async (file: string, options: Options) => {
      const { zone, knownAt, realm, application } = options;
      const format = formatOf(file, options);
      const [{ shownZone }, { withHistory }] = await Promise.all([
        import('./local-time.js'),
        import('./with-history.js'),
      ]);
      shownZone(options.zone);
      const opened = await read(file);
      await withHistory(options, variables, async (history, asking, stopping) => {
        // A signal ends the list where it stands: what went out before is on record, and that it was broken off.
        const list = addAbortSignal(stopping, opened);
        const asked = { zone, knownAt, realm, application };
        const answers =
          format === 'ndjson' ? history.answerNdjson(list, asking, asked) : history.answerCsv(list, asking, asked);
        let lines = 0;
        for await (const piece of answers) {
          await print(piece);
          lines += piece.split('\n').length - 1;
          remark(`${lines} lines written`);
        }
      });
    });
}

/** The answer comes in the format of the list. */
function formatOf(file: string, { format, json = false }: Options): 'csv' | 'ndjson' {
  const found = format ?? (json || /\.(ndjson|jsonl)$/i.test(file) ? 'ndjson' : 'csv');
  if (!json || (found === 'ndjson' && !/\.csv$/i.test(file))) return found;
  throw new SessionLedgerError(
    'ERR_INVALID_INPUT',
    'a list in CSV is answered in CSV; leave --json out, or give NDJSON',
  );
}

async function read(file: string): Promise<Readable> {
  if (file === '-') return process.stdin;
  try {
    return (await open(file, 'r')).createReadStream();
  } catch (cause) {
    const { code = 'unknown reason' } = cause as NodeJS.ErrnoException;
    throw new SessionLedgerError('ERR_INVALID_INPUT', `${file} cannot be read (${code})`, { cause });
  }
}
