import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Runs work that a signal is to end in order: the first one aborts `stopping`, and the process ends by that signal once the work has let
 * go of what it held; a second one ends it at once. Left to itself a signal would leave a PostgreSQL running that was started for the
 * call, and a list of questions on record that nobody ever ended.
 *
 * Whoever runs a command inside a process that has its own way to stop keeps that way.
 */
export async function interruptible<Result>(work: (stopping: AbortSignal) => Promise<Result>): Promise<Result> {
  const stopping = new AbortController();
  if (signals.some((signal) => process.listenerCount(signal) > 0)) return work(stopping.signal);
  let met: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (met !== undefined) process.exit(128 + constants.signals[signal]);
    met = signal;
    stopping.abort();
  };
  for (const signal of signals) process.on(signal, onSignal);
  try {
    return await work(stopping.signal);
  } finally {
    for (const signal of signals) process.removeListener(signal, onSignal);
    // By the signal itself, so that whoever called this sees that it was interrupted, and not a verdict.
    if (met !== undefined) process.kill(process.pid, met);
  }
}
