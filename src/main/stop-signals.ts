import { performance } from 'node:perf_hooks';

// `npm start` passes a Ctrl-C on to a process that the terminal has sent it to already: two within this time are one.
const oneSignalMilliseconds = 500;

/**
 * Stops on the first SIGINT or SIGTERM and exits with 0 once all is stopped; a second one ends the process at once with
 * 130, for whoever does not want to wait.
 *
 * @param tell told why it could not be stopped; the exit code is 1 then.
 */
export function stopOnSignals(stop: () => Promise<void>, tell: (failure: unknown) => void): void {
  let stoppingSince: number | undefined;
  const onSignal = (): void => {
    if (stoppingSince !== undefined && performance.now() - stoppingSince > oneSignalMilliseconds) process.exit(130);
    if (stoppingSince !== undefined) return;
    stoppingSince = performance.now();
    stop().then(
      () => process.exit(0),
      (failure: unknown) => {
        tell(failure);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
}
