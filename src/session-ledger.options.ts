import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from './errors.js';
import { resolveGuardOptions, type GuardOptions, type GuardSettings } from './guard/guard-options.js';
import { LoggedSignals } from './guard/logged-signals.js';
import { databaseAddress } from './ledger/database-address.js';
import { defaultRolePrefix, roleName } from './ledger/role-names.js';
import { resolvePolicy, type PolicyOption } from './session/policy.js';
import type { SessionsOptions } from './session/sessions-options.js';
import type { UseBatchesOptions } from './session/use-batches-options.js';
import type { UseObserver } from './session/use-observer.js';
import { checkedName } from './ledger/user-id.js';

/** Settings of the ledger's database that hold however it is reached. */
interface LedgerDatabase {
  /** An owner's login that only migrates; without it the same login migrates. */
  migrationUrl?: string;
  /** Prefix of the ledger's database roles, which belong to the whole cluster. Default `session_ledger`. */
  rolePrefix?: string;
}

/**
 * Which PostgreSQL (15 to 18) holds the ledger: a URL, or the application's own TypeORM DataSource, by name or itself.
 * From a DataSource only the way to its server is taken: the ledger keeps small pools of its own, pinned to its roles.
 *
 * @example
 * const database: DatabaseSettings = { url: 'postgres://app:secret@localhost:5432/app' };
 */
export type DatabaseSettings =
  (LedgerDatabase & { url: string }) | (LedgerDatabase & { dataSource: string | DataSource });

/**
 * Everything `SessionLedgerModule.forRoot` takes. Only `database` has no default.
 *
 * @example
 * const options: SessionLedgerOptions = { database: { url }, policy: 'pci-dss-4', cookie: { sameSite: 'strict' } };
 */
export interface SessionLedgerOptions extends GuardSettings {
  database: DatabaseSettings;
  /** Migrate at start. Default false: a database that is behind is refused with `ERR_DATABASE_BEHIND`. */
  migrate?: boolean;
  /** Whose user ids these are. Default `default`. */
  realm?: string;
  /** What the sessions are for; answers name it. Default `default`. */
  application?: string;
  /** A preset's name, a preset adjusted, or limits of one's own. Default `owasp-asvs-l2`. */
  policy?: PolicyOption;
  /** How this process signs what it records. Default the host's name. */
  instance?: string;
  /** Whether live sessions are revoked (`restored`) when the database was restored or a standby promoted. Default `revoke`. */
  afterRestore?: 'revoke' | 'keep';
  /** Whether this process raises the horizon, expires sessions, makes partitions, and removes the rows of sessions that ended long ago. Default true. */
  background?: boolean;
  /** Connections: `writers` record uses (2 to 4, default 3; one more waits for locked sessions, five open and revoke), `readers` answer questions (default 4). */
  pools?: { writers?: number; readers?: number };
  /** Limits of the queue of uses; see `UseLimits`. */
  uses?: UseLimits;
  /** Keys that the `attributes` of an opening may have. */
  attributeKeys?: readonly string[];
  /** Hears what the recording of uses does, for metrics and alarms. */
  observer?: UseObserver;
}

/**
 * How many uses one statement records, how many may wait, and for how many milliseconds.
 *
 * @example
 * const uses: UseLimits = { maxBatch: 100, maxQueue: 5_000, maxWaitMs: 2_000 };
 */
export type UseLimits = Pick<UseBatchesOptions, 'maxBatch' | 'maxQueue' | 'maxWaitMs' | 'rememberedTokens'>;

/**
 * Settings that decide what the module is made of, and so stand beside `useFactory` in `forRootAsync`.
 *
 * @example
 * SessionLedgerModule.forRootAsync({ guard: 'global', useFactory: () => options });
 */
export interface SessionLedgerExtras {
  /** `global`: every route of the application is guarded, unless `@PublicRoute()`. Default `per-route`: by `@UseGuards(SessionGuard)`. */
  guard?: 'global' | 'per-route';
}

/** The options, checked and with every default filled in. */
export interface ResolvedOptions {
  readonly url: string;
  readonly migrationUrl: string;
  readonly rolePrefix: string;
  readonly migrate: boolean;
  readonly afterRestore: 'revoke' | 'keep';
  readonly background: boolean;
  readonly writers: number;
  readonly readers: number;
  readonly sessions: SessionsOptions;
  readonly guard: GuardOptions;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @param namedDataSource the application's DataSource, where `database.dataSource` is its name.
 * @throws SessionLedgerError `ERR_CONFIGURATION` that lists every mistake.
 */
export function resolveOptions(options: SessionLedgerOptions, namedDataSource?: DataSource): ResolvedOptions {
  const mistakes = unknownKeys(options).map((key) => `${key} is not an option`);
  const collect = <T>(read: () => T, standard: T): T => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SessionLedgerError)) throw error;
      mistakes.push(error.message);
      return standard;
    }
  };
  const { realm = 'default', application = 'default', instance = hostname(), policy = 'owasp-asvs-l2' } = options;
  const { rolePrefix = defaultRolePrefix, migrationUrl } = options.database ?? {};
  const url = collect(() => urlOf(options.database, namedDataSource), '');
  const writers = wholeNumber('pools.writers', options.pools?.writers ?? 3, 1, 16, mistakes);
  const resolved: ResolvedOptions = {
    url,
    migrationUrl: migrationUrl ?? url,
    rolePrefix,
    migrate: options.migrate ?? false,
    afterRestore: oneOf('afterRestore', options.afterRestore ?? 'revoke', ['revoke', 'keep'], mistakes),
    background: options.background ?? true,
    writers,
    readers: wholeNumber('pools.readers', options.pools?.readers ?? 4, 1, 64, mistakes),
    sessions: {
      ...checkedLimits(options.uses ?? {}, mistakes),
      realm: collect(() => checkedName(realm, 'realm'), realm),
      application: collect(() => checkedName(application, 'application'), application),
      instance: collect(() => checkedName(instance, 'instance'), instance),
      policy: collect(() => resolvePolicy(policy), resolvePolicy('owasp-asvs-l2')),
      writerConnections: writers,
      ...(options.attributeKeys === undefined ? {} : { attributeKeys: options.attributeKeys }),
      observer: options.observer ?? new LoggedSignals(),
    },
    guard: resolveGuardOptions(options, realm, mistakes),
  };
  collect(() => roleName(rolePrefix, 'writer'), '');
  if (mistakes.length === 0) return Object.freeze(resolved);
  throw new SessionLedgerError(
    'ERR_CONFIGURATION',
    `SessionLedgerModule cannot start:\n  - ${mistakes.join('\n  - ')}`,
  );
}

/** A misspelt option would silently leave its default in force. */
function unknownKeys(options: SessionLedgerOptions): string[] {
  return Object.keys(options).filter((key) => !Object.hasOwn(knownKeys, key));
}

const knownKeys: Record<keyof SessionLedgerOptions, true> = {
  database: true,
  migrate: true,
  realm: true,
  application: true,
  policy: true,
  instance: true,
  afterRestore: true,
  background: true,
  pools: true,
  uses: true,
  attributeKeys: true,
  observer: true,
  cookie: true,
  token: true,
  trustedProxies: true,
  forwardedHeader: true,
  csrf: true,
  subjectLoader: true,
};

function urlOf(database: DatabaseSettings | undefined, named: DataSource | undefined): string {
  const given = database !== undefined && 'dataSource' in database ? database.dataSource : undefined;
  if (database !== undefined && 'url' in database && database.url) {
    databaseAddress(database.url);
    return database.url;
  }
  const dataSource = typeof given === 'object' ? given : named;
  if (dataSource !== undefined) return urlOfDataSource(dataSource);
  throw new SessionLedgerError(
    'ERR_CONFIGURATION',
    'database needs a url, or a dataSource (in forRootAsync the DataSource itself: inject it into useFactory)',
  );
}

/** The way to a DataSource's server, as a URL. What a URL cannot say is refused, not guessed. */
function urlOfDataSource(dataSource: DataSource): string {
  const options = dataSource.options;
  if (options.type !== 'postgres') {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      `database.dataSource is a ${options.type} DataSource; the ledger needs PostgreSQL`,
    );
  }
  const unsayable = unsayableIn(options);
  if (unsayable !== undefined) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      `database.dataSource has ${unsayable}, which a URL cannot carry: give database.url (TLS by sslmode and sslrootcert) instead`,
    );
  }
  if (options.url !== undefined) databaseAddress(options.url);
  const url = new URL(options.url ?? authorityOf(options));
  if (options.url === undefined) {
    const { username = '', password = '', database = '' } = options;
    url.username = encodeURIComponent(username);
    url.password = encodeURIComponent(String(password));
    url.pathname = `/${encodeURIComponent(database)}`;
  }
  const hasTls = options.ssl === true || extraSslOf(options) === true;
  if (hasTls && !url.searchParams.has('sslmode')) url.searchParams.set('sslmode', 'verify-full');
  return url.toString();
}

function authorityOf({ host = 'localhost', port = 5432 }: PostgresOptions): string {
  return `postgres://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

type PostgresOptions = Extract<DataSource['options'], { type: 'postgres' }>;

/** What of the way to the server no URL says. */
function unsayableIn(options: PostgresOptions): string | undefined {
  const { password, host } = options;
  if (options.replication !== undefined) return 'several servers (replication)';
  if (typeof password === 'function') return 'a password function';
  for (const ssl of [options.ssl, extraSslOf(options)])
    if (typeof ssl === 'object' && ssl !== null) return 'an ssl object';
  if (options.url === undefined && host?.includes('/')) return 'the directory of a socket for a host';
  if (options.url === undefined && !URL.canParse(authorityOf(options))) return 'a host that is none';
  return undefined;
}

/** Settings for pg's own pool, which TypeORM hands on. */
function extraSslOf({ extra }: PostgresOptions): unknown {
  return (extra as { ssl?: unknown } | undefined)?.ssl;
}

function wholeNumber(name: string, value: number, least: number, most: number, mistakes: string[]): number {
  const isRight = Number.isInteger(value) && value >= least && value <= most;
  if (!isRight) mistakes.push(`${name} must be a whole number from ${least} to ${most}`);
  return isRight ? value : least;
}

/** The least and the most that each may be. */
const useLimits: Record<keyof UseLimits, readonly [number, number]> = {
  maxBatch: [1, 1_000],
  maxQueue: [1, 1_000_000],
  maxWaitMs: [100, 60_000],
  rememberedTokens: [1, 10_000_000],
};

function checkedLimits(limits: UseLimits, mistakes: string[]): UseLimits {
  for (const [name, value] of Object.entries(limits)) {
    const bounds = Object.hasOwn(useLimits, name) ? useLimits[name as keyof UseLimits] : undefined;
    if (bounds === undefined) mistakes.push(`uses.${name} is not an option`);
    else if (value !== undefined) wholeNumber(`uses.${name}`, value, ...bounds, mistakes);
  }
  return limits;
}

function oneOf<Value extends string>(name: string, value: Value, allowed: readonly Value[], mistakes: string[]): Value {
  if (!allowed.includes(value)) mistakes.push(`${name} must be ${allowed.join(' or ')}`);
  return value;
}
