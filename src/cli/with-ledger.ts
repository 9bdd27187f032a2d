import type { DataSource } from 'typeorm';
import type { Environment, Variables } from '../environment.js';
import type { CommandOptions } from './command.js';
import { interruptible } from './interruption.js';

// Recording a use may take three connections at once, and opening or revoking five more.
const poolSize = 8;

/** What work on a ledger may do beside using its connections. */
export interface HeldLedger {
  /** Aborts when a signal asks the command to end: the work gives up, and lets go of what it holds. */
  readonly stopping: AbortSignal;
  /** More connections, to another server of the same ledger; they are let go of with the others. */
  readonly open: (url: string) => Promise<DataSource>;
}

/**
 * Runs work on the ledger with connections that act as its writer, its reader, or its owner, and lets go of all of them
 * after it, also when a signal ends the command.
 */
export async function withLedger<Result>(
  options: CommandOptions,
  variables: Variables,
  role: 'writer' | 'reader' | 'owner',
  work: (database: DataSource, environment: Environment, held: HeldLedger) => Promise<Result>,
  { readsWholeTables = false }: { readsWholeTables?: boolean } = {},
): Promise<Result> {
  // Half a second of a processor: whoever asks for help does not wait for it.
  const { chooseLedger, environmentOf } = await import('./ledger-choice.js');
  const environment = environmentOf(options, variables);
  return interruptible(async (stopping) => {
    const ledger = await chooseLedger(environment, { whenEmpty: 'refuse' });
    const opened: DataSource[] = [];
    const open = async (url: string): Promise<DataSource> => {
      const database = await connected(url, role, readsWholeTables, environment);
      opened.push(database);
      return database;
    };
    try {
      const database = await open(role === 'owner' ? ledger.ownerUrl : ledger.url);
      stopping.throwIfAborted();
      return await work(database, environment, { stopping, open });
    } finally {
      for (const database of opened) await database.destroy();
      await ledger.release();
    }
  });
}

async function connected(
  url: string,
  role: 'writer' | 'reader' | 'owner',
  readsWholeTables: boolean,
  { rolePrefix }: Environment,
): Promise<DataSource> {
  const [{ ledgerDataSource }, { rolesOf }, { toSessionLedgerError }] = await Promise.all([
    import('../ledger/ledger-data-source.js'),
    import('../main/service-database.js'),
    import('../ledger/sqlstate.js'),
  ]);
  const actAs = role === 'owner' ? 'none' : (await rolesOf(url, rolePrefix))[role];
  const applicationName = 'session-ledger cli';
  const options = { url, role: actAs, rolePrefix, poolSize, applicationName, statementTimeoutMs: 0, readsWholeTables };
  const database = ledgerDataSource(options);
  try {
    return await database.initialize();
  } catch (failure) {
    throw toSessionLedgerError(failure);
  }
}
