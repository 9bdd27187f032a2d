import { Command } from 'commander';

/** `serve`: the service, exactly as `npm start` runs it. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the service; settings come from the environment')
    .exitOverride()
    .action(async () => {
      await import('../main.js');
    });
}
