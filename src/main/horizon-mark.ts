import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { machineTime } from '../clock.js';
import type { LedgerMark } from '../operator/ledger-mark.js';
import { readIfPresent, writePrivateFile } from '../postgres/private-file.js';

/** How far a ledger had been settled when this was written, kept outside of the database. */
export interface HorizonMark extends LedgerMark {
  /** By this machine's clock, as is the creation of the file. */
  readonly writtenAt: string;
}

// Between the reading of the clock and the making of the file that holds it lies nothing.
const copiedAfterMs = 10_000;

/** Keeps the mark in a file that is made anew each time. */
export async function writeHorizonMark(directory: string, { startedAt, settledAt }: LedgerMark): Promise<void> {
  const mark: HorizonMark = { startedAt, settledAt, writtenAt: machineTime() };
  await writePrivateFile(fileIn(directory), `${JSON.stringify(mark)}\n`);
}

/** The mark as it was last written; undefined where there is none, or one that cannot be read. */
export async function readHorizonMark(directory: string): Promise<HorizonMark | undefined> {
  const text = await readIfPresent(fileIn(directory));
  try {
    return text === undefined ? undefined : (JSON.parse(text) as HorizonMark);
  } catch {
    return undefined; // cut short by whoever copied it: as good as none
  }
}

/**
 * Whether the file is a copy, put back after it had been written: it is younger, as the file system counts, than what it
 * says of itself. Where the file system does not know when a file was made (0, or the time of its last change), it is not
 * taken for one. A snapshot of a whole disk that was rolled back cannot be told.
 */
export async function isCopied(directory: string, { writtenAt }: HorizonMark): Promise<boolean> {
  const { birthtimeMs, ctimeMs } = await stat(fileIn(directory));
  return birthtimeMs > 0 && birthtimeMs !== ctimeMs && birthtimeMs - Date.parse(writtenAt) > copiedAfterMs;
}

function fileIn(directory: string): string {
  return join(directory, 'settled-until.json');
}
