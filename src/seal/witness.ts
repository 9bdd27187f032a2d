import { SessionLedgerError } from '../errors.js';
import { consistencyProof } from './consistency-proof.js';
import type { HashReader } from './hash-reader.js';
import { parseVerifierKey, type VerifierKey } from './note-key.js';
import { openNote } from './signed-note.js';
import { parseStrictDecimal } from './strict-decimal.js';

/** Somebody who vouches that a log only grows: the vkey that it cosigns with, and where it is asked (C2SP tlog-witness). */
export interface Witness {
  readonly vkey: string;
  /** Without a slash at the end; `/add-checkpoint` comes behind it. */
  readonly url: string;
}

/** A signed checkpoint to be cosigned, and the tree that it is over. */
export interface CheckpointToWitness {
  readonly note: string;
  readonly size: number;
  readonly readHash: HashReader;
}

const timeoutMs = 15_000;
const mostResponseCharacters = 16_384;

/**
 * Has a witness cosign a checkpoint (C2SP tlog-witness, "add-checkpoint").
 *
 * @param sizeItKnows of the checkpoint that it cosigned last, as far as is known here; it is asked again with the size that it names.
 * @returns its signature lines, verified, each with its line break.
 * @throws SessionLedgerError `ERR_OUTSIDE_UNAVAILABLE` when it does not answer or does not know the log, `ERR_EVIDENCE_REJECTED` when it
 *   has seen a larger or other log of this name, or answers with a signature that does not hold.
 */
export async function cosignatureOf(
  witness: Witness,
  checkpoint: CheckpointToWitness,
  sizeItKnows: number,
  stopping: AbortSignal,
): Promise<string> {
  const key = parseVerifierKey(witness.vkey);
  const first = await addCheckpoint(witness, checkpoint, sizeItKnows, stopping);
  if (first.status !== 409) return linesFrom(witness, key, checkpoint, first);
  const size = sizeNamed(witness, first);
  if (size > checkpoint.size) {
    throw rejected(
      witness,
      `it has seen a checkpoint over ${size} events and this database has sealed ${checkpoint.size}: the log went back, or is sealed twice`,
    );
  }
  return linesFrom(witness, key, checkpoint, await addCheckpoint(witness, checkpoint, size, stopping));
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function addCheckpoint(
  witness: Witness,
  { note, size, readHash }: CheckpointToWitness,
  oldSize: number,
  stopping: AbortSignal,
): Promise<Answer> {
  const proof = oldSize === 0 ? [] : await consistencyProof(oldSize, size, readHash);
  const lines = proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`);
  try {
    const answer = await fetch(`${witness.url}/add-checkpoint`, {
      method: 'POST',
      body: `old ${oldSize}\n${lines.join('')}\n${note}`,
      signal: AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)]),
      redirect: 'error',
    });
    const text = await answer.text();
    return {
      status: answer.status,
      type: answer.headers.get('content-type') ?? '',
      text: text.slice(0, mostResponseCharacters),
    };
  } catch (cause) {
    throw new SessionLedgerError(
      'ERR_OUTSIDE_UNAVAILABLE',
      `the witness at ${witness.url} does not answer (${(cause as Error).name})`,
      { cause },
    );
  }
}

function sizeNamed(witness: Witness, { type, text }: Answer): number {
  const size = type.startsWith('text/x.tlog.size') ? parseStrictDecimal(text.replace(/\n$/, '')) : undefined;
  if (size === undefined) throw rejected(witness, 'it answered 409 and does not name the size that it knows');
  return size;
}

function linesFrom(
  witness: Witness,
  key: VerifierKey,
  { note }: CheckpointToWitness,
  { status, text }: Answer,
): string {
  if (status === 404 || status >= 500)
    throw new SessionLedgerError(
      'ERR_OUTSIDE_UNAVAILABLE',
      `the witness at ${witness.url} answered ${status}${status === 404 ? ': it does not know this log; have it add the origin and key' : ''}`,
    );
  if (status !== 200) throw rejected(witness, `it answered ${status}`);
  const lines = text.split('\n').filter((line) => line.startsWith(`\u2014 ${key.name} `));
  const cosigned = lines.map((line) => `${line}\n`).join('');
  try {
    openNote(`${note}${cosigned}`, [key]);
  } catch (cause) {
    throw rejected(witness, 'what it answered is no signature of this checkpoint by its key', cause);
  }
  return cosigned;
}

function rejected({ url }: Witness, why: string, cause?: unknown): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_REJECTED', `the witness at ${url} did not cosign: ${why}`, { cause });
}
