import type { DataSource } from 'typeorm';
import type { Environment } from '../environment.js';
import { SessionLedgerError } from '../errors.js';
import { mintApiKey } from '../operator/api-key.js';
import { hasFirstStartKey, recordBootstrapKey } from '../operator/bootstrap-key.js';
import { adminKeyFile, readAdminKey, removeAdminKey, writeAdminKey } from '../postgres/data-directory.js';

/** Where whoever starts the service finds an admin key; undefined: another instance made it, and it lies there. */
export type AdminKeyPlace = { file: string } | { variable: string } | undefined;

/**
 * Sees to it that the database has an admin key: the one of the environment, else one made at its first start, which
 * then lies in the data directory. Once per database: a later start never makes another.
 */
export async function provideAdminKey(
  writer: DataSource,
  environment: Environment,
  dataDir: string,
): Promise<AdminKeyPlace> {
  const { adminKey, adminKeyFile: givenFile } = environment;
  if (adminKey !== undefined)
    return recordEnvironmentKey(writer, adminKey, givenFile === undefined ? { variable } : { file: givenFile });
  const kept = await readAdminKey(dataDir);
  if (kept === undefined && (await hasFirstStartKey(writer))) return undefined;
  const key = kept ?? mintApiKey().key;
  // Written before it is recorded: the other way round, a crash in between would leave a key that nobody knows.
  if (kept === undefined) await writeAdminKey(dataDir, key);
  const outcome = await recordBootstrapKey(writer, key, 'first start');
  if (outcome === 'recorded' || outcome === 'known') return { file: adminKeyFile(dataDir) };
  // Another instance, with a data directory of its own, was first: what lies here would open nothing.
  if (kept === undefined) await removeAdminKey(dataDir);
  return undefined;
}

const variable = 'SESSION_LEDGER_ADMIN_KEY';

async function recordEnvironmentKey(
  writer: DataSource,
  key: string,
  place: NonNullable<AdminKeyPlace>,
): Promise<AdminKeyPlace> {
  if ((await recordBootstrapKey(writer, key, 'environment')) !== 'revoked') return place;
  const where = 'file' in place ? place.file : place.variable;
  throw new SessionLedgerError(
    'ERR_CONFIGURATION',
    `The key in ${where} was revoked; put another there, such as "openssl rand -hex 32" prints`,
  );
}
