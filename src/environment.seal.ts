import { statSync } from 'node:fs';

/** With which key the ledger is sealed, under which name, where that is published, and who vouches for its time. */
export interface SealSettings {
  /** False: this instance never seals. */
  readonly isOn: boolean;
  /** Undefined: the key of the data directory. */
  readonly key: KeySetting | undefined;
  /** The key that takes over: for as long as both are given, both sign. */
  readonly nextKey: KeySetting | undefined;
  readonly origin: string | undefined;
  /** The text of the last checkpoint under the name before. */
  readonly previousCheckpoint: string | undefined;
  /** Undefined: `ledger` in the data directory. */
  readonly directory: string | undefined;
  readonly bucket: BucketSettings | undefined;
  /** Milliseconds between two seals. */
  readonly everyMs: number;
  /** Milliseconds between two checkpoints. */
  readonly publishEveryMs: number;
  /** Sealed events that are re-read and compared in a second, at most; 0: none. */
  readonly auditedPerSecond: number;
  /** vkey lines that the auditor believes beside those of this instance and of the directory. */
  readonly auditKeys: readonly string[];
  readonly timestamps: { readonly url: string; readonly everySeconds: number } | undefined;
  readonly witnesses: readonly { readonly url: string; readonly vkey: string }[];
  readonly witnessEverySeconds: number;
}

/** A private key, a command that prints one, or a command that signs with one. */
export type KeySetting =
  | { readonly pem: string }
  | { readonly keyCommand: string }
  | { readonly signCommand: string; readonly publicKey: string };

/** A bucket of S3, or of a store that speaks its protocol. */
export interface BucketSettings {
  readonly name: string;
  readonly prefix: string;
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  readonly isPathStyle: boolean;
  readonly retention: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number } | undefined;
}

/** What of the reader of settings is needed here. */
interface SettingsReader {
  optional(name: string): string | undefined;
  text(name: string, standard: string): string;
  oneOf<Value extends string>(name: string, standard: Value, allowed: readonly Value[]): Value;
  integer(name: string, standard: number, least: number, most: number): number;
  fileText(name: string, path: string): string | undefined;
  mistake(name: string, what: string): void;
}

export function sealFrom(read: SettingsReader): SealSettings {
  const previousFile = read.optional('SESSION_LEDGER_PREVIOUS_CHECKPOINT_FILE');
  // The text of a checkpoint is signed with its last line break.
  const previous = previousFile && read.fileText('SESSION_LEDGER_PREVIOUS_CHECKPOINT_FILE', previousFile);
  return {
    isOn: read.oneOf('SESSION_LEDGER_SEAL', 'on', ['on', 'off']) === 'on',
    key: keyFrom(read, currentKey),
    nextKey: keyFrom(read, nextKey),
    origin: read.optional('SESSION_LEDGER_ORIGIN'),
    previousCheckpoint: previous === undefined ? undefined : `${previous}\n`,
    directory: read.optional('SESSION_LEDGER_SEAL_DIR'),
    bucket: bucketFrom(read),
    everyMs: read.integer('SESSION_LEDGER_SEAL_EVERY_MS', 500, 10, 3_600_000),
    publishEveryMs: read.integer('SESSION_LEDGER_PUBLISH_EVERY_MS', 1_000, 10, 3_600_000),
    auditedPerSecond: read.integer('SESSION_LEDGER_AUDITED_PER_SECOND', 5_000, 0, 1_000_000),
    auditKeys: (read.optional('SESSION_LEDGER_AUDIT_KEYS') ?? '').split(/[\s,]+/).filter(Boolean),
    timestamps: timestampsFrom(read),
    witnesses: witnessesFrom(read),
    witnessEverySeconds: read.integer('SESSION_LEDGER_WITNESS_EVERY', 60, 1, 86_400),
  };
}

/** The variables that one key may stand in. */
interface KeyVariables {
  readonly pem: string;
  readonly file: string;
  readonly keyCommand: string;
  readonly signCommand: string;
  readonly publicKey: string;
}

const currentKey: KeyVariables = {
  pem: 'SESSION_LEDGER_SEAL_KEY',
  file: 'SESSION_LEDGER_SEAL_KEY_FILE',
  keyCommand: 'SESSION_LEDGER_SEAL_KEY_COMMAND',
  signCommand: 'SESSION_LEDGER_SEAL_SIGN_COMMAND',
  publicKey: 'SESSION_LEDGER_SEAL_PUBLIC_KEY',
};

const nextKey: KeyVariables = {
  pem: 'SESSION_LEDGER_SEAL_NEXT_KEY',
  file: 'SESSION_LEDGER_SEAL_NEXT_KEY_FILE',
  keyCommand: 'SESSION_LEDGER_SEAL_NEXT_KEY_COMMAND',
  signCommand: 'SESSION_LEDGER_SEAL_NEXT_SIGN_COMMAND',
  publicKey: 'SESSION_LEDGER_SEAL_NEXT_PUBLIC_KEY',
};

function keyFrom(read: SettingsReader, variables: KeyVariables): KeySetting | undefined {
  const file = read.optional(variables.file);
  // In an environment variable, a PEM often arrives with its line breaks written as \n.
  const given = read.optional(variables.pem)?.replaceAll('\\n', '\n');
  const keyCommand = read.optional(variables.keyCommand);
  const signCommand = read.optional(variables.signCommand);
  const publicKey = read.optional(variables.publicKey)?.replaceAll('\\n', '\n');
  if ([given, file, keyCommand, signCommand].filter((setting) => setting !== undefined).length > 1)
    read.mistake(
      variables.pem,
      `is given twice: keep one of it, its _FILE, its _COMMAND, and ${variables.signCommand}`,
    );
  if ((signCommand === undefined) !== (publicKey === undefined))
    read.mistake(
      variables.signCommand,
      `and ${variables.publicKey} belong together: what the command signs is verified`,
    );
  if (signCommand !== undefined && publicKey !== undefined) return { signCommand, publicKey };
  if (keyCommand !== undefined) return { keyCommand };
  const pem = given ?? (file === undefined ? undefined : privateFileText(read, variables.file, file));
  return pem === undefined ? undefined : { pem };
}

function privateFileText(read: SettingsReader, name: string, path: string): string | undefined {
  const text = read.fileText(name, path);
  if (text !== undefined && isReadableByOthers(path))
    read.mistake(name, `names ${path}, which others than its owner can read: chmod 600 ${path}`);
  return text;
}

/**
 * Whether others than its owner can read a file that holds a private key. A file of root's may be readable by a group, which is how
 * secrets reach a process that is not root (PostgreSQL has the same rule for its keys).
 */
export function isReadableByOthers(path: string): boolean {
  const { mode, uid } = statSync(path);
  return (mode & (uid === 0 && process.getuid?.() !== 0 ? 0o007 : 0o077)) !== 0;
}

function bucketFrom(read: SettingsReader): BucketSettings | undefined {
  const name = read.optional('SESSION_LEDGER_SEAL_BUCKET');
  const prefix = read.text('SESSION_LEDGER_SEAL_BUCKET_PREFIX', '');
  const mode = read.oneOf('SESSION_LEDGER_SEAL_BUCKET_LOCK', 'compliance', ['compliance', 'governance', 'none']);
  const days = read.integer('SESSION_LEDGER_SEAL_BUCKET_LOCK_DAYS', 365, 1, 36_500);
  const endpoint = httpUrl(read, 'SESSION_LEDGER_SEAL_BUCKET_ENDPOINT');
  const isPathStyle = read.oneOf('SESSION_LEDGER_SEAL_BUCKET_PATH_STYLE', 'false', ['true', 'false']) === 'true';
  if (name === undefined) return undefined;
  return {
    name,
    prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`,
    endpoint,
    region: read.optional('SESSION_LEDGER_SEAL_BUCKET_REGION'),
    isPathStyle,
    retention: mode === 'none' ? undefined : { mode: mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE', days },
  };
}

function timestampsFrom(read: SettingsReader): SealSettings['timestamps'] {
  const url = httpUrl(read, 'SESSION_LEDGER_TSA_URL');
  const everySeconds = read.integer('SESSION_LEDGER_TSA_EVERY', 60, 1, 86_400);
  return url === undefined ? undefined : { url, everySeconds };
}

/** Pairs of a witness's public key and its address, with a space between them, and commas between pairs. */
function witnessesFrom(read: SettingsReader): SealSettings['witnesses'] {
  const name = 'SESSION_LEDGER_WITNESSES';
  const pairs = (read.optional(name) ?? '').split(',').map((pair) => pair.trim().split(/\s+/));
  return pairs
    .filter(([first]) => first !== '')
    .map(([vkey = '', url = '', ...rest]) => {
      if (rest.length > 0 || !/^[^+]+\+[0-9a-f]{8}\+/.test(vkey) || !isHttp(url))
        read.mistake(
          name,
          `must list pairs such as "witness.example/w1+1b2c3d4e+BA… https://witness.example/w1", with commas between them`,
        );
      return { vkey, url: url.replace(/\/+$/, '') };
    });
}

function httpUrl(read: SettingsReader, name: string): string | undefined {
  const value = read.optional(name);
  if (value !== undefined && !isHttp(value))
    read.mistake(name, 'must be an address that begins with https:// or http://');
  return value;
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}
