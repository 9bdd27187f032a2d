import { Command } from 'commander';
import type { Surroundings } from './command.js';
import type { DemoOptions } from './demonstration.js';

/** `demo`: a ledger and a bank of their own, an afternoon of customers, then the questions. */
export function demoCommand(surroundings: Surroundings): Command {
  return new Command('demo')
    .description('run a sample bank on a ledger of its own, drive it through its guard, and ask who was logged in')
    .option('--stay', 'keep both running afterwards, to paste the commands shown, until Ctrl-C')
    .option('--json', 'print the commands and what they gave as JSON')
    .exitOverride()
    .action(async (options: DemoOptions) => {
      // The service and all it stands on: whoever runs another command does not wait for it.
      const { demonstrate } = await import('./demonstration.js');
      await demonstrate(surroundings, options);
    });
}
