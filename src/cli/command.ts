import { userInfo } from 'node:os';
import { Command } from 'commander';
import type { Variables } from '../environment.js';

/** What a command may use of the process around it. */
export interface Surroundings {
  readonly variables: Variables;
  /** Writes the answer. */
  readonly print: (text: string) => Promise<void>;
  /** Writes what is no part of the answer: progress and warnings. */
  readonly remark: (text: string) => void;
}

/** What every command takes. */
export interface CommandOptions {
  readonly databaseUrl?: string;
  readonly json?: boolean;
}

/** What every command that asks takes beside that. */
export interface AskingOptions extends CommandOptions {
  readonly recorderUrl?: string;
  readonly case?: string;
}

/** A command on the ledger, with the options that all of them take; `usage` is its name and its arguments. */
export function ledgerCommand(usage: string, description: string): Command {
  const [name, ...commandArguments] = usage.split(' ');
  const command = new Command(name).description(description).exitOverride();
  for (const argument of commandArguments) command.argument(argument);
  return command
    .option('--database-url <url>', 'the ledger; else DATABASE_URL, else the embedded one')
    .option('--json', 'print JSON instead of a table');
}

/** A command that asks the ledger; whatever it asks is recorded. */
export function askingCommand(usage: string, description: string): Command {
  return ledgerCommand(usage, description)
    .option('--recorder-url <url>', 'where the question is recorded, when the ledger is read from a replica')
    .option('--case <id>', 'why this is asked: a reference of your own');
}

/** Who runs this, as it is recorded with a question or an event; the database adds the role of the login. */
export function operatingSystemUser(): string {
  return `os:${userInfo().username}`;
}

/** One JSON document, as a program reads it. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
