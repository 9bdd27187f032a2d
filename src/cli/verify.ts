import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { liveLog } from '../seal/live-log.js';
import { listedKeys } from '../seal/seal-keys.js';
import { verifyLog, type LogVerdict } from '../seal/verifier.js';
import { logInDirectory } from '../seal/verify-directory.js';
import { verifyEvidence, type EvidenceVerdict } from '../seal/verify-evidence.js';
import { json, ledgerCommand, type CommandOptions, type Surroundings } from './command.js';
import { printable } from './printable.js';
import { withLedger } from './with-ledger.js';
import type { Command } from 'commander';

/** The exit code that says: it was checked, and it does not hold. Anything else but 0 says that nothing was checked. */
const doesNotHold = 3;

interface VerifyOptions extends CommandOptions {
  readonly directory?: string;
  readonly bundle?: string;
  readonly key?: string[];
  readonly checkpoint?: string[];
}

type Verdict = LogVerdict | EvidenceVerdict;

/** `verify`: checks the sealed ledger, of a database or as it was published, against keys and checkpoints kept outside. */
export function verifyCommand({ variables, print, remark }: Surroundings): Command {
  return ledgerCommand('verify', 'check that nothing in the sealed ledger was changed, removed or inserted')
    .option('--directory <path>', 'a published ledger, or a copy of it, in place of a database')
    .option('--bundle <file>', 'the evidence file of one answer (proof=true), in place of a database')
    .option('--key <vkey or file...>', 'the public keys to believe, as they were handed to you')
    .option('--checkpoint <file...>', 'checkpoints that you kept: the ledger must continue each of them')
    .addHelpText('after', `\nExit code: 0 it holds, ${doesNotHold} it does not; any other: it could not be checked.`)
    .action(async (options: VerifyOptions) => {
      const keptCheckpoints = await Promise.all((options.checkpoint ?? []).map(readText));
      const given = await keysGiven(options.key ?? []);
      const verdict = await verdictOn(options, variables, given, keptCheckpoints);
      if (given.length === 0) {
        remark(
          'The keys were taken from the ledger itself. Give --key, as it was handed to you: whoever rewrites a ledger can write its keys too.',
        );
      }
      if (!verdict.holds) process.exitCode = doesNotHold;
      await print(options.json ? json(verdict) : described(verdict));
    });
}

async function verdictOn(
  options: VerifyOptions,
  variables: Surroundings['variables'],
  given: string[],
  keptCheckpoints: string[],
): Promise<Verdict> {
  if (options.bundle !== undefined) {
    refuseBesideBundle(options);
    return verifyBundle(options.bundle, given);
  }
  if (options.directory !== undefined) return verifyPublished(options.directory, given, keptCheckpoints);
  const verify = (database: DataSource): Promise<Verdict> => verifyLive(database, given, keptCheckpoints);
  return withLedger(options, variables, 'reader', verify, { readsWholeTables: true });
}

/** What a file does not bring cannot be checked with it, and must not seem to have been. */
function refuseBesideBundle({ directory, checkpoint }: VerifyOptions): void {
  if (directory !== undefined)
    throw new SessionLedgerError(
      'ERR_INVALID_INPUT',
      'give --bundle or --directory: an evidence file is checked by itself',
    );
  if (checkpoint !== undefined) {
    throw new SessionLedgerError(
      'ERR_INVALID_INPUT',
      '--checkpoint does not go with --bundle: that the ledger continues a checkpoint you kept is shown by the ledger itself, with --directory or --database-url',
    );
  }
}

/** A file brings no keys of its own: they would prove nothing. */
async function verifyBundle(path: string, keys: string[]): Promise<Verdict> {
  if (keys.length === 0)
    throw new SessionLedgerError(
      'ERR_INVALID_INPUT',
      'give --key: an evidence file is checked with the key that was handed to you',
    );
  return verifyEvidence(jsonIn(await readText(path), path), { keys });
}

function jsonIn(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new SessionLedgerError('ERR_EVIDENCE_MALFORMED', `${path} is not an evidence file: it is not JSON`, {
      cause,
    });
  }
}

async function verifyLive(database: DataSource, given: string[], keptCheckpoints: string[]): Promise<Verdict> {
  const keys = given.length > 0 ? given : (await listedKeys(database)).map(({ vkey }) => vkey);
  return verifyLog(await liveLog(database), { keys, keptCheckpoints });
}

async function verifyPublished(path: string, given: string[], keptCheckpoints: string[]): Promise<Verdict> {
  const keys = given.length > 0 ? given : linesOf(await readText(join(path, 'keys')));
  return verifyLog(await logInDirectory(path), { keys, keptCheckpoints });
}

/** A vkey itself, or a file with one in each line. */
async function keysGiven(given: readonly string[]): Promise<string[]> {
  const read = given.map(async (key) => (/^[^+]+\+[0-9a-f]{8}\+/.test(key) ? [key] : linesOf(await readText(key))));
  return (await Promise.all(read)).flat();
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code = 'unknown reason' } = cause as NodeJS.ErrnoException;
    throw new SessionLedgerError('ERR_INVALID_INPUT', `cannot read ${path} (${code})`, { cause });
  }
}

function described(verdict: Verdict): string {
  const { holds, origin, size, faults } = verdict;
  if (!holds) return `${origin ?? 'The ledger'} does not hold:\n${listed(faults)}`;
  if ('checkpoints' in verdict)
    return `${origin}: ${size} events, each as it was sealed, under ${verdict.checkpoints} signed checkpoints\n`;
  return `Proven by events under the checkpoint of ${origin} over ${size} events:\n${listed(verdict.proven)}Left to be believed:\n${listed(verdict.restsOn)}`;
}

function listed(sentences: readonly string[]): string {
  return sentences.map((sentence) => `  - ${printable(sentence)}\n`).join('');
}
