import { setTimeout as pause } from 'node:timers/promises';
import { SessionLedgerError } from '../errors.js';

const firstPauseMs = 250;
const longestPauseMs = 5_000;

/**
 * Starts what needs the database, again and again while that cannot be reached or cannot record: a machine that comes up
 * brings both up at once, and nobody is to order the two.
 *
 * @param waiting told of each attempt that failed in a way that passes by itself.
 * @param stopping ends the waiting; it then rejects with the signal's reason.
 * @throws what an attempt throws that does not pass by itself, such as a wrong password.
 */
export async function untilDatabaseAnswers<Started>(
  attempt: () => Promise<Started>,
  waiting: (failure: SessionLedgerError) => Promise<void>,
  stopping: AbortSignal,
): Promise<Started> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await attempt();
    } catch (failure) {
      if (!passesByItself(failure)) throw failure;
      await waiting(failure);
      await pause(pauseMs, undefined, { signal: stopping });
    }
  }
}

function passesByItself(failure: unknown): failure is SessionLedgerError {
  if (!(failure instanceof SessionLedgerError)) return false;
  const { code, cause } = failure;
  if (code === 'ERR_LEDGER_BUSY' || code === 'ERR_CLOCK_BEHIND') return true;
  return code === 'ERR_LEDGER_UNAVAILABLE' && !isWrongAddress(cause);
}

/** PostgreSQL answers, and does not know the login (28) or the database (3D): that is for whoever set the URL. */
function isWrongAddress(cause: unknown): boolean {
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^(28|3D)/.test(code);
}
