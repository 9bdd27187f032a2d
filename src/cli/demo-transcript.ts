import { SessionLedgerError } from '../errors.js';

const widest = 140;

/** A command, and the lines it printed. */
export interface DemoStep {
  readonly about: string | null;
  readonly command: string;
  readonly printed: readonly string[];
}

/** What a demonstration shows: commands as a reader could run them in one bash, each with what came of it. */
export class DemoTranscript {
  /** All that was shown so far; each command with what the ones up to the next sentence are about. */
  readonly steps: DemoStep[] = [];
  private subject: string | null = null;

  constructor(private readonly print: (text: string) => Promise<void>) {}

  /** Says what the next commands are about. */
  async about(sentence: string): Promise<void> {
    this.subject = sentence;
    await this.print(`\n# ${sentence}\n`);
  }

  /** Shows a command and what it printed, long lines cut. */
  async command(command: string, printed = ''): Promise<void> {
    const lines = printed.split('\n').filter((line) => line !== '');
    this.steps.push({ about: this.subject, command, printed: lines });
    await this.print(`$ ${command}\n${lines.map((line) => `${shortened(line)}\n`).join('')}`);
  }
}

/** A demonstration that shows something else than what it is told to show has failed. */
export function expectShown(what: string, shown: string, expected: RegExp): void {
  if (expected.test(shown)) return;
  throw new SessionLedgerError('ERR_INTERNAL', `the demonstration went another way: ${what} gave ${shown}`);
}

function shortened(line: string): string {
  const characters = [...line];
  return characters.length <= widest ? line : `${characters.slice(0, widest - 1).join('')}…`;
}
