import { join } from 'node:path';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { Environment, SealSettings } from '../environment.js';
import type { SessionLedgerError } from '../errors.js';
import { inFull } from '../ledger/failure-in-full.js';
import { ledgerDataSource } from '../ledger/ledger-data-source.js';
import { RepeatingTask } from '../ledger/repeating-task.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { LogBucket } from '../seal/log-bucket.js';
import { LogDirectory } from '../seal/log-directory.js';
import type { LogPlace } from '../seal/log-place.js';
import type { SealObserver, SealWork } from '../seal/seal-observer.js';
import { Sealer } from '../seal/sealer.js';
import { stampNewest } from '../seal/time-stamping.js';
import { witnessNewest } from '../seal/witnessing.js';
import { OpenedOnce } from './opened-once.js';
import { sealingKeysOf } from './sealing-keys.js';
import type { ServiceDatabase } from './service-database.js';

/** The sealing of an instance, with all that belongs to it. */
export interface Sealing {
  start(): void;
  /** Seals and publishes all that is complete, and asks everybody who vouches for it, once. */
  once(stopping: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** What sealing works on, and whom it tells. */
export interface SealingSurroundings {
  readonly environment: Environment;
  readonly database: Pick<ServiceDatabase, 'url' | 'roles'>;
  /** To look up which keys the ledger has. */
  readonly reader: DataSource;
  readonly dataDir: string;
  readonly logger: Logger;
  readonly observer: SealObserver;
}

const afterFailureMs = 10_000;

/** The sealing of a service, not started; undefined where this instance has no key, because another instance made it. */
export async function sealingOf(surroundings: SealingSurroundings): Promise<Sealing | undefined> {
  const { environment, database, reader, dataDir, logger } = surroundings;
  const { keys, isOwnMake } = await sealingKeysOf(environment.seal, dataDir, reader);
  const aside = (why: string): void => logger.info(`this instance does not seal: ${why}`);
  if (keys.length === 0) {
    aside('the key lies with the instance that made it');
    return undefined;
  }
  const { origin, previousCheckpoint, everyMs, publishEveryMs } = environment.seal;
  const role = database.roles.writer === 'writer' ? 'sealer' : 'none';
  const places = placesOf(environment.seal, dataDir);
  const tell = teller(surroundings);
  const sealer = new Sealer({
    url: database.url,
    role,
    rolePrefix: environment.rolePrefix,
    signingKeys: keys,
    origin,
    previousCheckpoint,
    places,
    everyMs,
    publishEveryMs,
    onFailure: (failure, work) => tell(work, failure),
    ...(isOwnMake ? { onOthersSeal: aside } : {}),
  });
  const applicationName = 'session-ledger vouchers';
  const { rolePrefix } = environment;
  const pool = new OpenedOnce(ledgerDataSource({ url: database.url, role, rolePrefix, poolSize: 1, applicationName }));
  const vouchers = vouchersOf(environment, places);
  const ask = async ({ ask: askOne }: Voucher, stopping: AbortSignal): Promise<void> => {
    if (sealer.isAtWork) await askOne(await pool.open(), stopping);
  };
  // Never part of sealing: whoever hangs, lies or is gone holds nothing up.
  const tasks = vouchers.map((voucher) => {
    const everyMs = voucher.everySeconds * 1_000;
    return new RepeatingTask({
      everyMs,
      afterFailureMs: Math.min(everyMs, afterFailureMs),
      run: (stopping) => ask(voucher, stopping),
      onFailure: (failure) => tell(voucher.work, toSessionLedgerError(failure)),
    });
  });
  return {
    start: () => [sealer, ...tasks].forEach((each) => each.start()),
    once: async (stopping) => {
      await sealer.sealOnce(stopping);
      for (const voucher of vouchers)
        await ask(voucher, stopping).catch((failure: unknown) => tell(voucher.work, toSessionLedgerError(failure)));
    },
    stop: async () => {
      await Promise.all([sealer, ...tasks].map((each) => each.stop()));
      await pool.close();
    },
  };
}

/** Where an instance publishes: the directory always, so that checkpoints leave the database, and the bucket that the settings name. */
export function placesOf({ directory, bucket }: SealSettings, dataDir: string): LogPlace[] {
  const places: LogPlace[] = [new LogDirectory(directory ?? join(dataDir, 'ledger'))];
  if (bucket !== undefined) places.push(new LogBucket({ ...bucket, bucket: bucket.name }));
  return places;
}

/** One who is asked to vouch for checkpoints. */
interface Voucher {
  readonly work: SealWork;
  readonly everySeconds: number;
  readonly ask: (executor: DataSource, stopping: AbortSignal) => Promise<void>;
}

function vouchersOf({ seal }: Environment, places: readonly LogPlace[]): Voucher[] {
  const { timestamps, witnesses, witnessEverySeconds } = seal;
  const authority: Voucher[] =
    timestamps === undefined
      ? []
      : [
          {
            work: 'timestamp',
            everySeconds: timestamps.everySeconds,
            ask: (executor, stopping) => stampNewest(executor, timestamps.url, places, stopping),
          },
        ];
  const all = witnesses.map((witness): Voucher => ({
    work: 'witness',
    everySeconds: witnessEverySeconds,
    ask: (executor, stopping) => witnessNewest(executor, witness, places, stopping),
  }));
  return [...authority, ...all];
}

/** To the log and to the metrics; what contradicts a seal is the operator's to look at now, everything else is tried again. */
function teller({ logger, observer }: SealingSurroundings): (work: SealWork, failure: SessionLedgerError) => void {
  return (work, failure) => {
    const { code } = failure;
    observer.sealWorkFailed(work, code);
    const line = `could not ${sentenceOf[work]}: ${inFull(failure)}`;
    if (code === 'ERR_EVIDENCE_REJECTED') logger.fatal({ code }, line);
    else logger.error({ code }, line);
  };
}

const sentenceOf: Record<SealWork, string> = {
  seal: 'seal the ledger',
  publish: 'publish a checkpoint',
  directory: 'publish the log in its directory',
  bucket: 'publish the log in its bucket',
  timestamp: 'have a checkpoint time-stamped',
  witness: 'have a checkpoint cosigned',
  audit: 'audit the sealed ledger',
};
