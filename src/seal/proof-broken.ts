import { channel } from 'node:diagnostics_channel';

/**
 * Where answers tell that they met events which are no longer what was sealed. A channel of the process: answers are made far from
 * whoever counts them, and know nothing of metrics.
 */
const brokenSeals = channel('session-ledger:broken-seals');

/** Tells that an answer rested on such events. */
export function tellOfBrokenSeals(seqs: readonly number[]): void {
  brokenSeals.publish(seqs);
}

/**
 * Hears of each such answer.
 *
 * @returns ends the hearing.
 */
export function hearOfBrokenSeals(hear: () => void): () => void {
  brokenSeals.subscribe(hear);
  return () => {
    brokenSeals.unsubscribe(hear);
  };
}
