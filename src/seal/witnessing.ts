import { queryRows, type Executor } from '../ledger/named-query.js';
import { publishedCheckpoint } from './checkpoint-published.js';
import { cosignaturesOn } from './checkpoint-vouchers.js';
import type { LogPlace } from './log-place.js';
import { tileHashReader } from './tile-hashes.js';
import { storedTiles } from './tree-store.js';
import { cosignatureOf, type Witness } from './witness.js';

/**
 * Has a witness cosign the newest published checkpoint, unless it has, and publishes the checkpoint with all its cosignatures as
 * `cosigned`, and as `checkpoint` while it is the newest. Never part of sealing: a witness that hangs, lies or is gone is told of, and
 * asked again.
 *
 * @param executor connections of the sealer's role.
 * @throws SessionLedgerError as `cosignatureOf` does, and what the places throw.
 */
export async function witnessNewest(
  executor: Executor,
  witness: Witness,
  places: readonly LogPlace[],
  stopping: AbortSignal = new AbortController().signal,
): Promise<void> {
  const published = await publishedCheckpoint(executor);
  if (published === undefined) return;
  const { origin, size, note } = published;
  const known = await sizeCosignedBy(executor, origin, witness.vkey);
  if (known === size) return;
  const readHash = tileHashReader(size, storedTiles(executor));
  const lines = await cosignatureOf(witness, { note, size, readHash }, known, stopping);
  await recordCosignature(executor, { origin, size, witness: witness.vkey, lines });
  const cosigned = `${note}${await cosignaturesOn(executor, origin, size)}`;
  for (const place of places) {
    await place.write([{ path: 'cosigned', content: cosigned, isFinal: true }]);
    const newest = (await place.read('checkpoint'))?.toString();
    if (newest?.startsWith(note)) await place.write([{ path: 'checkpoint', content: cosigned, isFinal: false }]);
  }
}

const sizeCosignedBySql = `
SELECT coalesce(max(size), 0) AS size FROM session_ledger.checkpoint_cosignature WHERE origin = $1 AND witness = $2`;

async function sizeCosignedBy(executor: Executor, origin: string, vkey: string): Promise<number> {
  const statement = { name: 'size_cosigned_by', text: sizeCosignedBySql, values: [origin, vkey] };
  return (await queryRows<{ size: number }>(executor, statement))[0]!.size;
}

const recordCosignatureSql = `
INSERT INTO session_ledger.checkpoint_cosignature (origin, size, witness, lines) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`;

async function recordCosignature(
  executor: Executor,
  { origin, size, witness, lines }: { origin: string; size: number; witness: string; lines: string },
): Promise<void> {
  const values = [origin, size, witness, lines];
  await queryRows(executor, { name: 'record_cosignature', text: recordCosignatureSql, values });
}
