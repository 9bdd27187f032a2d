import { once } from 'node:events';

// What a shell reports of a process that SIGPIPE ended. Never 0: that would be the verdict "logged in".
const brokenPipe = 141;

/** Writes to standard output at the pace of whoever reads it. */
export async function printed(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** Ends the command quietly when its reader has left, as `| head` does. */
export function endWithItsReader(): void {
  process.stdout.on('error', (failure: NodeJS.ErrnoException) => {
    if (failure.code !== 'EPIPE') throw failure;
    process.exit(brokenPipe);
  });
}
