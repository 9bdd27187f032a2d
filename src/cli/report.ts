import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SessionLedgerError } from '../errors.js';
import type { Asking } from '../query/asking.js';
import type { ReportManifest } from '../report/manifest.js';
import type { Reports, ReportFormat } from '../report/reports.js';
import { json, ledgerCommand, operatingSystemUser, type CommandOptions, type Surroundings } from './command.js';
import { table } from './table.js';
import { withLedger } from './with-ledger.js';

/** `report list|show|run`: the reports of `reports/`. */
export function reportCommand(surroundings: Surroundings): Command {
  return new Command('report')
    .description('list, describe and run reports')
    .exitOverride()
    .addCommand(list(surroundings))
    .addCommand(show(surroundings))
    .addCommand(run(surroundings));
}

function list({ print }: Surroundings): Command {
  return reportsCommand('list', 'every report there is').action(async (options: { json?: boolean }) => {
    const { ReportDefinitions } = await import('../report/report-definitions.js');
    const reports = await new ReportDefinitions().list();
    if (options.json)
      return print(
        json({ items: reports.map(({ name, title, question }) => ({ name, title, question })), next: null }),
      );
    const rows = reports.map(({ name, question }) => [name, question]);
    await print(table(['report', 'question'], rows));
  });
}

function show({ print }: Surroundings): Command {
  return reportsCommand('show', 'the parameters and columns of a report')
    .argument('<name>')
    .action(async (name: string, options: { json?: boolean }) => {
      const { ReportDefinitions } = await import('../report/report-definitions.js');
      const { statement: _, ...report } = await new ReportDefinitions().named(name);
      if (options.json) return print(json(report));
      const parameters = report.parameters.map((one) => [
        one.name,
        one.type,
        one.whenOmitted,
        one.example,
        one.meaning,
      ]);
      const columns = report.columns.map((one) => [one.name, one.type, one.meaning]);
      await print(
        `${report.question}\n\n` +
          `${table(['parameter', 'type', 'when left out', 'example', 'meaning'], parameters)}\n` +
          table(['column', 'type', 'meaning'], columns),
      );
    });
}

interface RunOptions extends CommandOptions {
  param: Record<string, string | string[]>;
  format: ReportFormat;
  out: string;
  case?: string;
}

function run({ variables, print }: Surroundings): Command {
  return ledgerCommand('run <name>', 'run a report into a file, with its manifest beside it')
    .option('--param <name=value>', 'once for each value; a list takes several', withParameter, {})
    .addOption(new Option('--format <format>', 'of the file').choices(['csv', 'ndjson']).default('csv'))
    .option('--out <directory>', 'where both files go', '.')
    .option('--case <id>', 'why: a reference of your own, kept with the run')
    .action(async (name: string, options: RunOptions) => {
      const asking = { askedBy: `${operatingSystemUser()}@${hostname()}`, caseId: options.case };
      const { Reports } = await import('../report/reports.js');
      const written = await withLedger(
        options,
        variables,
        'reader',
        (database, _, { stopping }) => runInto(new Reports(database), name, options, asking, stopping),
        { readsWholeTables: true },
      );
      if (options.json) return print(json(written));
      const [file] = written.manifest.files;
      await print(
        `${written.file}\n${written.manifestFile}\n${written.manifest.rowCount} rows, SHA-256 ${file!.sha256}\n`,
      );
    });
}

interface WrittenReport {
  readonly file: string;
  readonly manifestFile: string;
  readonly manifest: ReportManifest;
}

/** Both files get their names once they are whole: whoever sees them can use them. */
async function runInto(
  reports: Reports,
  name: string,
  options: RunOptions,
  asking: Asking,
  signal: AbortSignal,
): Promise<WrittenReport> {
  const { manifestText } = await import('../report/manifest.js');
  await mkdir(options.out, { recursive: true }).catch(cannotWrite);
  const draft = path.join(options.out, `.report-${randomUUID()}`);
  const file = await open(draft, 'wx', 0o600).catch(cannotWrite);
  try {
    const request = { parameters: options.param, format: options.format, file, maxBytes: Infinity };
    const manifest = await reports.run(name, { ...request, signal }, asking);
    await file.close();
    const target = path.join(options.out, manifest.files[0]!.name);
    const manifestFile = target.replace(/\.[^.]+$/, '.manifest.json');
    await writeFile(manifestFile, manifestText(manifest), { mode: 0o600, flag: 'wx' }).catch(cannotWrite);
    await rename(draft, target).catch(cannotWrite);
    return { file: target, manifestFile, manifest };
  } finally {
    await file.close(); // does nothing the second time
    await rm(draft, { force: true });
  }
}

function cannotWrite({ code, path: place }: NodeJS.ErrnoException): never {
  throw new SessionLedgerError(
    'ERR_INVALID_INPUT',
    `${place ?? '--out'} cannot be written (${code ?? 'unknown reason'})`,
    {
      field: 'out',
    },
  );
}

/** A command that reads definitions from this package, and no database. */
function reportsCommand(name: string, description: string): Command {
  return new Command(name).description(description).option('--json', 'print JSON instead of a table').exitOverride();
}

function withParameter(
  given: string,
  parameters: Record<string, string | string[]>,
): Record<string, string | string[]> {
  const [name, value] = [given.slice(0, given.indexOf('=')), given.slice(given.indexOf('=') + 1)];
  if (!given.includes('=') || name === '') throw new InvalidArgumentError('write it as name=value');
  const before = parameters[name];
  return { ...parameters, [name]: before === undefined ? value : [before, value].flat() };
}
