import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { SessionLedgerError } from './errors.js';
import { sealFrom, type SealSettings } from './environment.seal.js';

export { isReadableByOthers, type BucketSettings, type KeySetting, type SealSettings } from './environment.seal.js';

/** What the environment says about the service and the command line, checked and with every default filled in. */
export interface Environment {
  readonly host: string;
  readonly port: number;
  /** A server of the user's own; undefined: the embedded one in `dataDir`. */
  readonly databaseUrl: string | undefined;
  /** The owner's login that only migrates; undefined: `databaseUrl` migrates. */
  readonly migrationUrl: string | undefined;
  /** Where the command line records what it asks, when it reads from a replica; undefined: where it reads. */
  readonly recorderUrl: string | undefined;
  readonly rolePrefix: string;
  readonly dataDir: string;
  readonly policy: PolicySetting;
  readonly realm: string;
  readonly application: string;
  /** How this instance signs what it records. */
  readonly instance: string;
  readonly adminKey: string | undefined;
  /** The file that it was read from, by its absolute path; undefined: it stood in the environment itself. */
  readonly adminKeyFile: string | undefined;
  readonly forwardedHeader: string | undefined;
  readonly trustedProxies: readonly string[];
  readonly afterRestore: 'revoke' | 'keep';
  readonly maxUploadBytes: number;
  readonly maxReportBytes: number;
  readonly drainSeconds: number;
  /** Seconds for which a service that stops goes on answering, while balancers find out that it is not ready. */
  readonly drainPauseSeconds: number;
  readonly logLevel: LogLevel;
  readonly seal: SealSettings;
}

/** Which policy is in force, as it was set: its meaning is for the session room to check. */
export interface PolicySetting {
  /** The name of a preset, or what the JSON of an adjusted one or of one's own holds. */
  readonly option: string | Readonly<Record<string, unknown>>;
  /** The variable that errors are to blame. */
  readonly variable: string;
}

export type LogLevel = (typeof logLevels)[number];
export type Variables = Readonly<Record<string, string | undefined>>;

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const apiKeyPattern = /^[A-Za-z0-9_-]{40,256}$/;

/**
 * Reads the settings of the service from environment variables.
 *
 * @throws SessionLedgerError `ERR_CONFIGURATION` that lists every mistake, each with its variable's name.
 * @example
 * readEnvironment({ PORT: '8080' }).port; // 8080
 */
export function readEnvironment(variables: Variables): Environment {
  const mistakes: string[] = [];
  const read = new Reader(variables, mistakes);
  const environment: Environment = {
    ...addressFrom(read),
    databaseUrl: read.postgresUrl('DATABASE_URL'),
    migrationUrl: read.postgresUrl('SESSION_LEDGER_MIGRATION_URL'),
    recorderUrl: read.postgresUrl('SESSION_LEDGER_RECORDER_URL'),
    rolePrefix: read.matching('SESSION_LEDGER_ROLE_PREFIX', 'session_ledger', /^[a-z][a-z0-9_]{0,39}$/),
    dataDir: read.text('SESSION_LEDGER_DATA_DIR', '.session-ledger'),
    policy: policyFrom(read),
    realm: read.name('SESSION_LEDGER_REALM', 'default'),
    application: read.name('SESSION_LEDGER_APPLICATION', 'default'),
    instance: read.name('SESSION_LEDGER_INSTANCE', hostname()),
    ...adminKeyFrom(read),
    ...proxiesFrom(read),
    afterRestore: read.oneOf('SESSION_LEDGER_AFTER_RESTORE', 'revoke', ['revoke', 'keep']),
    maxUploadBytes: read.integer('SESSION_LEDGER_MAX_UPLOAD_BYTES', 2 ** 30, 1024, 2 ** 40),
    maxReportBytes: read.integer('SESSION_LEDGER_MAX_REPORT_BYTES', 2 ** 30, 1024, 2 ** 40),
    drainSeconds: read.integer('SESSION_LEDGER_DRAIN_SECONDS', 10, 0, 300),
    drainPauseSeconds: read.integer('SESSION_LEDGER_DRAIN_PAUSE_SECONDS', 1, 0, 300),
    logLevel: read.oneOf('SESSION_LEDGER_LOG_LEVEL', 'info', logLevels),
    seal: sealFrom(read),
  };
  if (environment.migrationUrl !== undefined && environment.databaseUrl === undefined)
    mistakes.push(
      'SESSION_LEDGER_MIGRATION_URL needs DATABASE_URL beside it: the embedded database migrates by itself',
    );
  if (mistakes.length === 0) return Object.freeze(environment);
  throw new SessionLedgerError('ERR_CONFIGURATION', `The settings are not usable:\n  - ${mistakes.join('\n  - ')}`);
}

function addressFrom(read: Reader): Pick<Environment, 'host' | 'port'> {
  const host = read.text('HOST', '127.0.0.1');
  const isTlsInFront = read.oneOf('SESSION_LEDGER_TLS_IN_FRONT', 'false', ['true', 'false']) === 'true';
  // Tokens and API keys are bearer secrets: in clear text they may travel inside this machine alone.
  if (!isLoopback(host) && !isTlsInFront)
    read.mistake(
      'HOST',
      `is ${host}, which others can reach: set SESSION_LEDGER_TLS_IN_FRONT=true once a proxy with TLS stands in front`,
    );
  return { host, port: read.integer('PORT', 3000, 0, 65_535) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function adminKeyFrom(read: Reader): Pick<Environment, 'adminKey' | 'adminKeyFile'> {
  const given = read.optional('SESSION_LEDGER_ADMIN_KEY');
  const file = read.optional('SESSION_LEDGER_ADMIN_KEY_FILE');
  if (given !== undefined && file !== undefined) {
    read.mistake('SESSION_LEDGER_ADMIN_KEY_FILE', 'is set beside SESSION_LEDGER_ADMIN_KEY: keep one of them');
    return { adminKey: undefined, adminKeyFile: undefined };
  }
  const name = file === undefined ? 'SESSION_LEDGER_ADMIN_KEY' : 'SESSION_LEDGER_ADMIN_KEY_FILE';
  const key = file === undefined ? given : read.fileText('SESSION_LEDGER_ADMIN_KEY_FILE', file);
  // Only a digest of the key is kept, which protects a key as long as nobody can guess it.
  if (key !== undefined && !apiKeyPattern.test(key))
    read.mistake(name, 'must hold 40 to 256 characters of A-Z a-z 0-9 _ and -, such as "openssl rand -hex 32" prints');
  return { adminKey: key, adminKeyFile: file === undefined ? undefined : resolve(file) };
}

function policyFrom(read: Reader): PolicySetting {
  const given = read.optional('SESSION_LEDGER_POLICY');
  const file = read.optional('SESSION_LEDGER_POLICY_FILE');
  if (given !== undefined && file !== undefined)
    read.mistake('SESSION_LEDGER_POLICY_FILE', 'is set beside SESSION_LEDGER_POLICY: keep one of them');
  const variable = file === undefined ? 'SESSION_LEDGER_POLICY' : 'SESSION_LEDGER_POLICY_FILE';
  const text = (file === undefined ? given : read.fileText(variable, file)) ?? 'owasp-asvs-l2';
  return { option: text.startsWith('{') ? (read.jsonObject(variable, text) ?? text) : text, variable };
}

function proxiesFrom(read: Reader): Pick<Environment, 'forwardedHeader' | 'trustedProxies'> {
  const header = read.optional('SESSION_LEDGER_FORWARDED_HEADER')?.toLowerCase();
  const proxies = (read.optional('SESSION_LEDGER_TRUSTED_PROXIES') ?? '').split(',').map((proxy) => proxy.trim());
  const trustedProxies = proxies.filter((proxy) => proxy !== '');
  if (header !== undefined && !/^[a-z][a-z0-9-]{0,63}$/.test(header))
    read.mistake('SESSION_LEDGER_FORWARDED_HEADER', 'must name exactly one header, such as x-forwarded-for');
  if (header !== undefined && trustedProxies.length === 0)
    read.mistake(
      'SESSION_LEDGER_TRUSTED_PROXIES',
      'must list the proxies whose SESSION_LEDGER_FORWARDED_HEADER is believed',
    );
  if (header === undefined && trustedProxies.length > 0)
    read.mistake(
      'SESSION_LEDGER_FORWARDED_HEADER',
      'must name the header in which the SESSION_LEDGER_TRUSTED_PROXIES give the address',
    );
  for (const proxy of trustedProxies.filter((proxy) => !isNetwork(proxy)))
    read.mistake(
      'SESSION_LEDGER_TRUSTED_PROXIES',
      `holds ${proxy}, which is neither an address nor a CIDR such as 10.0.0.0/8`,
    );
  return { forwardedHeader: header, trustedProxies };
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (rest.length > 0 || longest === -1) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest);
}

/** Reads one variable after the other and gathers what is wrong with them; an empty variable counts as unset. */
class Reader {
  constructor(
    private readonly variables: Variables,
    private readonly mistakes: string[],
  ) {}

  mistake(name: string, what: string): void {
    this.mistakes.push(`${name} ${what}`);
  }

  optional(name: string): string | undefined {
    const value = this.variables[name]?.trim();
    return value === '' ? undefined : value;
  }

  text(name: string, standard: string): string {
    return this.optional(name) ?? standard;
  }

  matching(name: string, standard: string, pattern: RegExp): string {
    const value = this.text(name, standard);
    if (!pattern.test(value)) this.mistake(name, `is ${JSON.stringify(value)}, which does not match ${pattern.source}`);
    return value;
  }

  name(name: string, standard: string): string {
    const value = this.text(name, standard);
    if ([...value].length > 255 || /\p{Cc}/u.test(value))
      this.mistake(name, 'must have 1 to 255 characters and no control characters');
    return value;
  }

  oneOf<Value extends string>(name: string, standard: Value, allowed: readonly Value[]): Value {
    const value = this.text(name, standard);
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) this.mistake(name, `is ${JSON.stringify(value)}; it can be ${allowed.join(', ')}`);
    return found ?? standard;
  }

  integer(name: string, standard: number, least: number, most: number): number {
    const value = this.optional(name);
    if (value === undefined) return standard;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    this.mistake(name, `is ${JSON.stringify(value)}; it must be a whole number from ${least} to ${most}`);
    return standard;
  }

  /** The value itself is not repeated in a mistake: it holds a password. */
  postgresUrl(name: string): string | undefined {
    const value = this.optional(name);
    if (value === undefined) return undefined;
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url === undefined || !['postgres:', 'postgresql:'].includes(url.protocol) || url.pathname.length < 2)
      this.mistake(name, 'must read postgres://login:password@host:5432/database');
    return value;
  }

  jsonObject(name: string, text: string): Record<string, unknown> | undefined {
    try {
      return JSON.parse(text) as Record<string, unknown>;
    } catch (cause) {
      this.mistake(name, `must hold the name of a policy, or JSON; as JSON: ${(cause as Error).message}`);
      return undefined;
    }
  }

  fileText(name: string, path: string): string | undefined {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch (cause) {
      this.mistake(
        name,
        `names ${path}, which cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown reason'})`,
      );
      return undefined;
    }
  }
}
