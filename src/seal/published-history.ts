import { SessionLedgerError } from '../errors.js';
import type { Executor } from '../ledger/named-query.js';
import { openCheckpoint, type Checkpoint } from './checkpoint.js';
import { rangeHash } from './hash-reader.js';
import type { LogPlace } from './log-place.js';
import { parseVerifierKey } from './note-key.js';
import { tileHashReader } from './tile-hashes.js';
import { storedTiles, type TreeHead } from './tree-store.js';

/** The log that a database is about to be sealed as. */
export interface OwnHistory {
  readonly origin: string;
  /** Keys that have signed for it, and those that are about to: vkey lines. */
  readonly vkeys: readonly string[];
  readonly head: TreeHead;
}

/**
 * Refuses to go on where the database is not the one whose checkpoint a place keeps: one that was restored from an older backup, or a
 * standby promoted before it had heard of everything, would be sealed a second time, differently, and the log would contradict its own
 * signatures.
 *
 * @param note a signed checkpoint that the place keeps.
 * @throws SessionLedgerError `ERR_EVIDENCE_REJECTED` saying what to do.
 */
export async function refuseOtherHistory(
  executor: Executor,
  history: OwnHistory,
  place: LogPlace,
  note: string,
): Promise<void> {
  const { origin, head } = history;
  let signed: Checkpoint;
  try {
    signed = openOwn(history, note);
  } catch (cause) {
    throw refused(place, `it holds the checkpoint of another log than ${origin}`, cause);
  }
  if (signed.size > head.size) {
    throw refused(
      place,
      `the database has ${head.size} sealed events and its last published checkpoint has ${signed.size}: it was restored from an older backup, ` +
        'is a standby that was promoted before it had heard of everything, or is another database',
    );
  }
  if (!(await isPrefix(executor, head, signed)))
    throw refused(place, `the first ${signed.size} sealed events of the database are not those published`);
}

/** Whether a checkpoint is signed by a key of this log, over events that the database has sealed as it says. */
export async function isOfHistory(executor: Executor, history: OwnHistory, note: string): Promise<boolean> {
  try {
    return await isPrefix(executor, history.head, openOwn(history, note));
  } catch (failure) {
    if (failure instanceof SessionLedgerError && failure.code.startsWith('ERR_EVIDENCE')) return false;
    throw failure;
  }
}

async function isPrefix(executor: Executor, head: TreeHead, { size, root }: Checkpoint): Promise<boolean> {
  if (size === 0) return true;
  if (size > head.size) return false;
  const found = await rangeHash({ start: 0, end: size }, tileHashReader(head.size, storedTiles(executor)));
  return Buffer.compare(found, root) === 0;
}

/**
 * Refuses to take over where none of the places keeps a checkpoint as new as the newest that the database says was published: what
 * was published since then is known somewhere else, and this database may lack it.
 *
 * @throws SessionLedgerError `ERR_EVIDENCE_REJECTED` saying what to do.
 */
export function refuseStrangePlaces(places: readonly LogPlace[], newestPublished: number, newestKept: number): void {
  if (places.length === 0 || newestKept >= newestPublished) return;
  const [place] = places;
  const names = places.map(({ name }) => name).join(' and ');
  throw new SessionLedgerError(
    'ERR_EVIDENCE_REJECTED',
    `refusing to seal: a checkpoint over ${newestPublished} events was published, and ${names} does not know it. Instances that take over from ` +
      'each other must share SESSION_LEDGER_SEAL_DIR or SESSION_LEDGER_SEAL_BUCKET. Where the place of the last sealer is lost, put the newest ' +
      `checkpoint that anybody keeps there as "signed" (${place!.name}); where nobody keeps one, open a new origin`,
  );
}

function openOwn({ origin, vkeys }: OwnHistory, note: string): Checkpoint {
  const logKeys = vkeys.map(parseVerifierKey).filter(({ name }) => name === origin);
  return openCheckpoint(note, { origin, logKeys }).checkpoint;
}

function refused({ name }: LogPlace, why: string, cause?: unknown): SessionLedgerError {
  return new SessionLedgerError(
    'ERR_EVIDENCE_REJECTED',
    `refusing to seal: ${why}. Keep ${name} as evidence under another name, and open a new origin: set SESSION_LEDGER_ORIGIN to a name this ` +
      'ledger has not had, such as the old one followed by -2 (docs/operator.md, "A new origin")',
    { cause },
  );
}
