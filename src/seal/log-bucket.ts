import type { S3Client } from '@aws-sdk/client-s3';
import { machineDaysAhead } from '../clock.js';
import { SessionLedgerError } from '../errors.js';
import { sizeSaid, type LogFile, type LogPlace } from './log-place.js';

/** Which bucket a log is published in, and how its objects are locked. */
export interface LogBucketOptions {
  readonly bucket: string;
  /** Before the name of each object; empty, or ending in a slash. */
  readonly prefix: string;
  /** Of a store that speaks the protocol of S3; S3 itself when omitted. */
  readonly endpoint?: string | undefined;
  /** When omitted, as the SDK finds it in the environment. */
  readonly region?: string | undefined;
  /** The bucket's name in the path instead of the host, as most other stores want it. */
  readonly isPathStyle?: boolean;
  /** What is final is locked for so long; not at all when omitted. The bucket must have been made with Object Lock. */
  readonly retention?: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number } | undefined;
}

type Sdk = typeof import('@aws-sdk/client-s3');

const connectTimeoutMs = 5_000;
const requestTimeoutMs = 15_000;
const putsAtOnce = 8;
/** Wide enough for the largest size that a number carries: names sort as sizes do. */
const sizeDigits = 16;

/**
 * A bucket that a log is published in. Each signed checkpoint is an object of its own, `checkpoints/<size>`, locked like full tiles and
 * entries: whoever holds the bucket's credentials can add objects and versions, and take none away before their time.
 *
 * Credentials are found as the SDK of AWS does: environment, profiles, roles of containers and machines. The SDK is an optional peer
 * dependency, loaded when the first bucket is used.
 *
 * @example
 * new LogBucket({ bucket: 'bank-ledger', prefix: '', retention: { mode: 'COMPLIANCE', days: 365 } });
 */
export class LogBucket implements LogPlace {
  readonly kind = 'bucket';
  readonly pauseMs = 10_000;
  private stopping = new AbortController();
  private sdk: Sdk | undefined;
  private client: S3Client | undefined;

  constructor(private readonly options: LogBucketOptions) {}

  get name(): string {
    return `the bucket ${this.options.bucket}/${this.options.prefix}`;
  }

  async prepare(): Promise<void> {
    if (this.stopping.signal.aborted) this.stopping = new AbortController();
    if (this.client !== undefined) return;
    this.sdk = await loadSdk();
    const { endpoint, region, isPathStyle = false } = this.options;
    this.client = new this.sdk.S3Client({
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      forcePathStyle: isPathStyle,
      requestHandler: { connectionTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs },
    });
  }

  /**
   * Out of the names of the locked objects, not out of a pointer that could be turned back. Of more than a page, the last of the first
   * page: none of them is known to the database then, which is all that matters.
   */
  async signed(fromSize: number): Promise<string | undefined> {
    const startAfter = fromSize === 0 ? undefined : this.nameOfSigned(fromSize - 1);
    const listed = await this.ask('list', ({ client, sdk, options }) =>
      client.send(
        new sdk.ListObjectsV2Command({
          Bucket: this.options.bucket,
          Prefix: `${this.options.prefix}checkpoints/`,
          ...(startAfter === undefined ? {} : { StartAfter: `${this.options.prefix}${startAfter}` }),
        }),
        options,
      ),
    );
    const newest = (listed.Contents ?? [])
      .flatMap(({ Key }) => Key ?? [])
      .sort()
      .at(-1);
    return newest === undefined ? undefined : (await this.read(newest.slice(this.options.prefix.length)))?.toString();
  }

  async keepSigned(note: string): Promise<void> {
    await this.write([{ path: this.nameOfSigned(sizeSaid(note)), content: note, isFinal: true }]);
  }

  async read(path: string): Promise<Buffer | undefined> {
    return this.ask('read', async ({ client, sdk, options }) => {
      try {
        const found = await client.send(new sdk.GetObjectCommand(this.objectAt(path)), options);
        return Buffer.from((await found.Body?.transformToByteArray()) ?? []);
      } catch (cause) {
        if (cause instanceof sdk.NoSuchKey) return undefined;
        throw cause;
      }
    });
  }

  async write(files: readonly LogFile[]): Promise<void> {
    for (let first = 0; first < files.length; first += putsAtOnce)
      await Promise.all(files.slice(first, first + putsAtOnce).map((file) => this.put(file)));
  }

  /** Objects of a locked bucket are removed by its own rules, if at all: a lifecycle rule for `tile/` keeps what is final. */
  async removePartials(): Promise<void> {
    return Promise.resolve();
  }

  giveUp(): void {
    this.stopping.abort();
  }

  private async put({ path, content, isFinal }: LogFile): Promise<void> {
    const { retention } = this.options;
    const lock =
      isFinal && retention !== undefined
        ? { ObjectLockMode: retention.mode, ObjectLockRetainUntilDate: machineDaysAhead(retention.days) }
        : {};
    await this.ask('write', ({ client, sdk, options }) =>
      client.send(
        new sdk.PutObjectCommand({
          ...this.objectAt(path),
          Body: typeof content === 'string' ? Buffer.from(content) : content,
          ContentType: typeof content === 'string' ? 'text/plain; charset=utf-8' : 'application/octet-stream',
          // What is locked needs a checksum, and of those that the SDK computes, this one is the one that others can check.
          ChecksumAlgorithm: 'SHA256',
          ...lock,
        }),
        options,
      ),
    );
  }

  private objectAt(path: string): { Bucket: string; Key: string } {
    return { Bucket: this.options.bucket, Key: `${this.options.prefix}${path}` };
  }

  private nameOfSigned(size: number): string {
    return `checkpoints/${String(size).padStart(sizeDigits, '0')}`;
  }

  private async ask<Answer>(
    what: string,
    ask: (ready: { client: S3Client; sdk: Sdk; options: { abortSignal: AbortSignal } }) => Promise<Answer>,
  ): Promise<Answer> {
    if (this.client === undefined) await this.prepare();
    try {
      return await ask({ client: this.client!, sdk: this.sdk!, options: { abortSignal: this.stopping.signal } });
    } catch (cause) {
      const { name: code = 'unknown reason' } = cause as { name?: string };
      throw new SessionLedgerError('ERR_OUTSIDE_UNAVAILABLE', `cannot ${what} in ${this.name} (${code})`, { cause });
    }
  }
}

async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (cause) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      'publishing in a bucket needs the SDK of AWS beside this package: npm install @aws-sdk/client-s3',
      { cause },
    );
  }
}
