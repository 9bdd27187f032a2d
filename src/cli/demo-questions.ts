import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { checkCommand } from './check.js';
import type { Surroundings } from './command.js';
import type { Moments } from './demo-afternoon.js';
import type { DemoService } from './demo-service.js';
import { expectShown, type DemoTranscript } from './demo-transcript.js';
import { historyCommand } from './history.js';
import { sessionsCommand } from './sessions.js';
import { wasLoggedInCommand } from './was-logged-in.js';
import { whoWasLoggedInCommand } from './who-was-logged-in.js';

const beforeTheLedger = '2020-03-04T02:14:00Z';

/** What the questions are about. */
export interface Afternoon extends Moments {
  readonly began: string;
  readonly ended: string;
  /** The session that was left to lapse. */
  readonly forgotten: string;
}

/** Asks as an analyst does, on the command line and over HTTP; each question is itself recorded before its answer. */
export class DemoQuestions {
  constructor(
    private readonly dataDir: string,
    private readonly service: DemoService,
    private readonly transcript: DemoTranscript,
  ) {}

  async askAll({ began, everybodyIn, bobLocked, ended, forgotten }: Afternoon): Promise<void> {
    await this.transcript.about('Was she, was he logged in? Exit code 0: yes, 10: no, 11: the ledger cannot know.');
    await this.wasLoggedIn('alice', everybodyIn, /logged in\n(.*\n)*0$/);
    await this.wasLoggedIn('bob', bobLocked, /not logged in\n(.*\n)*10$/);
    await this.wasLoggedIn('mallory', everybodyIn, /not logged in \(no_such_user\)\n(.*\n)*10$/);
    await this.wasLoggedIn('alice', beforeTheLedger, /unknown \(before_ledger\)\n(.*\n)*11$/);

    await this.transcript.about('From when to when? Over HTTP, and a partition of the time asked about.');
    await this.intervals('alice', began, ended);

    await this.transcript.about('Who was? Which sessions had she? What happened in one?');
    await this.ask(whoWasLoggedInCommand, 'who-was-logged-in', ['--at', everybodyIn, '--zone', 'UTC'], /bob/);
    await this.ask(sessionsCommand, 'sessions', ['alice', '--zone', 'UTC'], /logout/);
    await this.ask(historyCommand, 'history', [forgotten], /expired/);

    await this.transcript.about('A list of disputed transactions: the same rows come back, with their answers.');
    await this.check(everybodyIn, bobLocked);
  }

  private async wasLoggedIn(userId: string, at: string, expected: RegExp): Promise<void> {
    const words = [userId, '--at', at, '--zone', 'UTC'];
    await this.ask(wasLoggedInCommand, 'was-logged-in', words, expected, '; echo $?');
  }

  private async intervals(userId: string, from: string, to: string): Promise<void> {
    const question = `/v1/users/${userId}/login-state?from=${from}&to=${to}`;
    const { coverage, intervals } = (await this.service.get(question)) as { coverage: string; intervals: unknown[] };
    const lines = [coverage, ...intervals].map((line) => JSON.stringify(line)).join('\n');
    await this.transcript.command(`call '${question}' | jq -c '.coverage, .intervals[]'`, lines);
    expectShown(question, lines, /^"partial"|^"full"/);
  }

  private async check(everybodyIn: string, bobLocked: string): Promise<void> {
    const rows = ['transaction,userId,at', `T-1,alice,${everybodyIn}`, `T-2,bob,${bobLocked}`, 'T-3,bob,yesterday'];
    await writeFile(path.join(this.dataDir, 'list.csv'), `${rows.join('\n')}\n`);
    await this.transcript.command(`printf '%s\\n' ${rows.join(' ')} > "$SESSION_LEDGER_DATA_DIR/list.csv"`);
    const shown = await this.run(checkCommand, [path.join(this.dataDir, 'list.csv')]);
    await this.transcript.command('npx session-ledger check "$SESSION_LEDGER_DATA_DIR/list.csv"', shown.printed);
    expectShown('check', shown.printed, /T-1,.*,logged_in,.*\n.*T-2,.*,not_logged_in,.*\n.*ERR_INVALID_INSTANT/);
  }

  private async ask(
    commandOf: (surroundings: Surroundings) => Command,
    name: string,
    words: string[],
    expected: RegExp,
    ending = '',
  ): Promise<void> {
    const { printed, exitCode } = await this.run(commandOf, words);
    const shown = ending === '' ? printed : `${printed}${exitCode}`;
    const command = `npx session-ledger ${name} ${words.join(' ')}`;
    await this.transcript.command(`${command}${ending}`, shown);
    expectShown(command, shown, expected);
  }

  /** Runs a command in this process, which has loaded all of it already: a process each would cost a second each. */
  private async run(
    commandOf: (surroundings: Surroundings) => Command,
    words: string[],
  ): Promise<{ printed: string; exitCode: number }> {
    let printed = '';
    const variables = { SESSION_LEDGER_DATA_DIR: this.dataDir };
    const print = async (text: string): Promise<void> => void (printed += text);
    const ownExitCode = process.exitCode;
    await commandOf({ variables, print, remark: () => undefined }).parseAsync(words, { from: 'user' });
    const exitCode = Number(process.exitCode ?? 0);
    // A verdict is the exit code of the command that was asked, not of the demonstration.
    process.exitCode = ownExitCode;
    return { printed, exitCode };
  }
}
