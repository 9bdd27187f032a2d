import { destination, type Logger } from 'pino';
import type { Environment } from '../environment.js';
import { SessionLedgerError } from '../errors.js';
import { serviceLog } from '../http/service-log.js';
import { inFull } from '../ledger/failure-in-full.js';
import { startService, type RunningService } from './service.js';
import { stopOnSignals } from './stop-signals.js';
import { welcome } from './welcome.js';

/**
 * Runs the service until it is told to stop. What people read goes to standard output, the log (JSON lines) to standard
 * error; a service that cannot start says why, and the process ends with 1.
 */
export async function runService(readSettings: () => Environment): Promise<void> {
  const stopping = new AbortController();
  try {
    const environment = readSettings();
    const logger = serviceLog(environment.logLevel, destination({ fd: 2, sync: true }));
    const say = (line: string): void => void process.stdout.write(`${line}\n`);
    const started = startService(environment, logger, say, stopping.signal);
    const stop = async (): Promise<void> => {
      stopping.abort();
      await (await unlessStopped(started, stopping.signal))?.stop();
    };
    // From the first moment on: a Ctrl-C while PostgreSQL starts must not leave it running.
    stopOnSignals(stop, (failure) => logger.fatal({ err: failure }, 'could not be stopped'));
    failLoudly(logger, stop);
    const service = await unlessStopped(started, stopping.signal);
    if (service !== undefined) process.stdout.write(welcome(service.address, service.adminKey));
  } catch (failure) {
    process.stderr.write(`${reasonOf(failure)}\n`);
    process.exit(1);
  }
}

/** Undefined when it was told to stop while it waited for its database. */
async function unlessStopped(
  started: Promise<RunningService>,
  stopping: AbortSignal,
): Promise<RunningService | undefined> {
  try {
    return await started;
  } catch (failure) {
    if (stopping.aborted && (failure as Error).name === 'AbortError') return undefined;
    throw failure;
  }
}

/** An error that nobody awaited leaves the process in a state nobody planned: it is logged, and the service stops. */
function failLoudly(logger: Logger, stop: () => Promise<void>): void {
  const stopAndExit = async (err: unknown): Promise<void> => {
    logger.fatal({ err }, 'an error that was not handled; the service stops');
    try {
      await stop();
    } catch (failure) {
      logger.fatal({ err: failure }, 'could not be stopped');
    }
    process.exit(1);
  };
  const fail = (err: unknown): void => void stopAndExit(err);
  process.once('unhandledRejection', fail);
  process.once('uncaughtException', fail);
}

function reasonOf(failure: unknown): string {
  if (failure instanceof SessionLedgerError) return `${inFull(failure)} (${failure.code})`;
  return failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
}
