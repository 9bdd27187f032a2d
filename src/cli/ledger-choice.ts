import { readEnvironment, type Environment, type Variables } from '../environment.js';
import { SessionLedgerError } from '../errors.js';
import { embeddedDatabaseName, startEmbeddedDatabase, type EmbeddedExtent } from '../main/embedded-database.js';
import { existingCluster } from '../postgres/cluster-location.js';
import { openDataDirectory } from '../postgres/data-directory.js';
import { findRunningEmbeddedPostgres } from '../postgres/embedded-server.js';
import { isPresent } from '../postgres/file-presence.js';
import { readRuntimeRecord } from '../postgres/runtime-record.js';

/** The database that a command works on. */
export interface ChosenLedger {
  /** The login that asks and records. */
  readonly url: string;
  /** The login that migrates and repairs. */
  readonly ownerUrl: string;
  /** Lets go of it: an embedded PostgreSQL that was started for the command stops again. */
  release(): Promise<void>;
}

/** What every command is told about where the ledger lies. */
export interface LedgerChoice {
  readonly databaseUrl?: string | undefined;
  readonly recorderUrl?: string | undefined;
}

/** The settings, with `--database-url` in the place of `DATABASE_URL`, and `--recorder-url` likewise. */
export function environmentOf({ databaseUrl, recorderUrl }: LedgerChoice, variables: Variables): Environment {
  const recorder = recorderUrl === undefined ? {} : { SESSION_LEDGER_RECORDER_URL: recorderUrl };
  if (databaseUrl === undefined) return readEnvironment({ ...variables, ...recorder });
  // The other logins in the environment are those of another database than the one named here.
  return readEnvironment({
    ...variables,
    SESSION_LEDGER_MIGRATION_URL: undefined,
    SESSION_LEDGER_RECORDER_URL: undefined,
    ...recorder,
    DATABASE_URL: databaseUrl,
  });
}

/**
 * Chooses the database: `--database-url`, else `DATABASE_URL`, else that of the running embedded instance, else the
 * stopped one of the data directory, started for as long as the command runs.
 *
 * @param how.whenEmpty what to do where there is no ledger yet: only `make` starts an empty one.
 * @param how.upTo how far a stopped one is brought; `migrated` when omitted.
 */
export async function chooseLedger(
  environment: Environment,
  { whenEmpty, upTo }: { whenEmpty: 'refuse' | 'make'; upTo?: EmbeddedExtent },
): Promise<ChosenLedger> {
  const { databaseUrl, migrationUrl, dataDir, rolePrefix } = environment;
  if (databaseUrl !== undefined)
    return { url: databaseUrl, ownerUrl: migrationUrl ?? databaseUrl, release: async () => {} };
  const running = await runningLedger(dataDir);
  if (running !== undefined) return running;
  if (whenEmpty === 'refuse') await refuseEmptyPlace(dataDir);
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const embedded = await startEmbeddedDatabase(await openDataDirectory(dataDir), rolePrefix, say, upTo);
  return { url: embedded.serviceUrl, ownerUrl: embedded.ownerUrl, release: () => embedded.stop() };
}

async function runningLedger(dataDir: string): Promise<ChosenLedger | undefined> {
  if (!(await isPresent(dataDir))) return undefined;
  const instance = await readRuntimeRecord(dataDir);
  if (instance === undefined) return undefined;
  const server = await findRunningEmbeddedPostgres(dataDir);
  const ownerUrl = server?.superuserUrl(embeddedDatabaseName) ?? instance.databaseUrl;
  return { url: instance.databaseUrl, ownerUrl, release: async () => {} };
}

/** An empty ledger would be made in a mistyped place, and every question answered by "before the ledger". */
async function refuseEmptyPlace(dataDir: string): Promise<void> {
  if ((await isPresent(dataDir)) && (await isPresent(`${await existingCluster(dataDir)}/PG_VERSION`))) return;
  throw new SessionLedgerError(
    'ERR_CONFIGURATION',
    `There is no ledger in ${dataDir}. Run this where the service runs, or give --database-url, DATABASE_URL or SESSION_LEDGER_DATA_DIR; ` +
      '"session-ledger serve" makes a new ledger',
  );
}
