import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { Environment } from '../environment.js';
import { recogniseDatabase } from '../ledger/database-identity.js';
import { addMicroseconds, type Instant } from '../ledger/instant.js';
import { KnownHorizon } from '../ledger/known-horizon.js';
import { RepeatingTask } from '../ledger/repeating-task.js';
import { readLedgerMark, type LedgerMark } from '../operator/ledger-mark.js';
import { isCopied, readHorizonMark, writeHorizonMark } from './horizon-mark.js';

const everyMs = 5_000;

/** Where the mark is kept, and whether the database's own files lie beside it, to be copied with it. */
export interface MarkPlace {
  readonly directory: string;
  readonly isBesideCluster: boolean;
}

/**
 * Recognises an older copy of the database that was put back: it is behind the mark that this instance left at another
 * place, or the mark, which lies beside the embedded cluster, is a copy itself. As after any restore, a gap is recorded
 * and live sessions are revoked, for their revocation may be among what was lost.
 */
export async function recogniseOlderCopy(
  writer: DataSource,
  place: MarkPlace,
  { afterRestore, instance }: Environment,
  say: (line: string) => void,
): Promise<void> {
  const ledger = await readLedgerMark(writer);
  if (ledger === undefined) return;
  const known = new KnownHorizon(await knownUntil(place, ledger));
  const revokeLive = afterRestore === 'revoke';
  const { changed, revoked } = await recogniseDatabase(writer, { revokeLive, recordedBy: instance, known });
  if (changed) say(`The database was restored: a gap is on the ledger, and ${revoked} live sessions were revoked`);
}

/** Writes the mark, now and every few seconds, and once more when it is stopped. */
export async function keepHorizonMark(
  writer: DataSource,
  { directory }: MarkPlace,
  logger: Logger,
): Promise<{ stop(): Promise<void> }> {
  const write = async (): Promise<void> => {
    const mark = await readLedgerMark(writer);
    if (mark !== undefined) await writeHorizonMark(directory, mark);
  };
  const onFailure = (err: unknown): void => logger.warn({ err }, 'could not note how far the ledger is settled');
  await write();
  const task = new RepeatingTask({ everyMs, run: write, onFailure });
  task.start();
  return {
    stop: async () => {
      await task.stop();
      await write().catch(onFailure); // the database may be gone already, which is no reason not to stop
    },
  };
}

async function knownUntil(place: MarkPlace, ledger: LedgerMark): Promise<Instant | undefined> {
  const mark = await readHorizonMark(place.directory);
  if (mark === undefined || mark.startedAt !== ledger.startedAt) return undefined;
  if (mark.settledAt > ledger.settledAt) return mark.settledAt;
  // Whatever is in the copy, something may have been recorded after it was made.
  const isCopy = place.isBesideCluster && (await isCopied(place.directory, mark));
  return isCopy ? addMicroseconds(ledger.settledAt, 1n) : mark.settledAt;
}
