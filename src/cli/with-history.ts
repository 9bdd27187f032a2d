import { hostname } from 'node:os';
import type { Variables } from '../environment.js';
import type { Asking } from '../query/asking.js';
import { LoginHistory } from '../query/login-history.js';
import { operatingSystemUser, type AskingOptions } from './command.js';
import { withLedger } from './with-ledger.js';

/**
 * Asks the ledger; the question is recorded with the user of this machine, its name, and the role of the login.
 *
 * @param work told by `stopping` when a signal asks the command to end.
 */
export async function withHistory<Result>(
  options: AskingOptions,
  variables: Variables,
  work: (history: LoginHistory, asking: Asking, stopping: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const askedBy = `${operatingSystemUser()}@${hostname()}`;
  return withLedger(options, variables, 'reader', async (database, { realm, recorderUrl }, { open, stopping }) => {
    const recorder = recorderUrl === undefined ? database : await open(recorderUrl);
    return work(new LoginHistory(database, { realm, recorder }), { askedBy, caseId: options.case }, stopping);
  });
}
