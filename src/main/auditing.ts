import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { inFull } from '../ledger/failure-in-full.js';
import { publishedCheckpoint } from '../seal/checkpoint-published.js';
import { formatVerifierKey, parseVerifierKey } from '../seal/note-key.js';
import { readIfPresent, writePrivateFile } from '../postgres/private-file.js';
import { Auditor, type AuditPosition, type AuditTrust } from '../seal/auditor.js';
import { listedKeys, signerOf } from '../seal/seal-keys.js';
import { placesOf, type SealingSurroundings } from './sealing.js';
import { sealingKeysOf } from './sealing-keys.js';

/** Between two writes of the position: an auditor that begins again a few seconds back has lost nothing. */
const keepEveryMs = 10_000;

/**
 * The auditor of an instance, whether it seals or not, not started; undefined where the settings say none. It goes on where the one
 * before it ended, by a file in the data directory.
 */
export async function auditorOf(surroundings: SealingSurroundings): Promise<Auditor | undefined> {
  const { environment, reader, dataDir, logger, observer } = surroundings;
  if (environment.seal.auditedPerSecond === 0) return undefined;
  const file = join(dataDir, 'audit-position.json');
  let keptAt = Number.NEGATIVE_INFINITY;
  let kept = Promise.resolve();
  const keep = (position: AuditPosition): void => {
    if (performance.now() - keptAt < keepEveryMs && position.leaves < position.size) return;
    keptAt = performance.now();
    // A position that cannot be kept costs the next auditor a beginning from an earlier one, and nothing else.
    kept = kept.then(() => writePrivateFile(file, `${JSON.stringify(position)}\n`)).catch(() => undefined);
  };
  return new Auditor(reader, {
    eventsPerSecond: environment.seal.auditedPerSecond,
    resumeAt: positionIn(await readIfPresent(file)),
    trust: () => trustOf(surroundings),
    onPosition: keep,
    onFault: (faults) => {
      observer.auditFoundFaults(faults.length);
      logger.fatal({ faults }, 'the sealed ledger was changed in the database');
    },
    onLateRows: (seqs) => {
      observer.lateRowsFound(seqs.length);
      logger.fatal({ seqs }, 'events came late, below sealed ones, and can never be sealed');
    },
    onFailure: (failure) => {
      const { code } = failure;
      observer.sealWorkFailed('audit', code);
      logger.error({ code }, `could not audit the sealed ledger: ${inFull(failure)}`);
    },
  });
}

/**
 * Keys and checkpoints that lie outside of the database: those of the settings, of this instance, and of the places that it publishes
 * in. An instance that has none of them believes the database's own list, and says so.
 */
async function trustOf({ environment, reader, dataDir, logger }: SealingSurroundings): Promise<AuditTrust> {
  const { seal } = environment;
  const keys = new Set(seal.auditKeys);
  const keptCheckpoints: string[] = [];
  const published = (await publishedCheckpoint(reader))?.size ?? 0;
  for (const place of placesOf(seal, dataDir)) {
    const listed = (await place.read('keys'))?.toString().split('\n').filter(Boolean) ?? [];
    for (const vkey of listed) keys.add(vkey);
    const signed = await place.signed(published);
    if (signed !== undefined) keptCheckpoints.push(signed);
  }
  const ofDatabase = (await listedKeys(reader)).map(({ vkey }) => vkey);
  for (const vkey of await ownAmong(ofDatabase, { seal, dataDir, reader })) keys.add(vkey);
  if (keys.size > 0) return { keys: [...keys], keptCheckpoints };
  logger.warn(
    'the auditor has no key but those that the database lists itself: set SESSION_LEDGER_AUDIT_KEYS, or share SESSION_LEDGER_SEAL_DIR',
  );
  return { keys: ofDatabase, keptCheckpoints };
}

/** Of the listed keys those that this instance holds, under whatever name they sign. */
async function ownAmong(
  listed: readonly string[],
  { seal, dataDir, reader }: { seal: SealingSurroundings['environment']['seal']; dataDir: string; reader: DataSource },
): Promise<string[]> {
  const { keys } = seal.isOn ? await sealingKeysOf(seal, dataDir, reader) : { keys: [] };
  const own = keys.map((key) => signerOf('session-ledger', key).verifierKey.publicKeyBytes);
  return listed
    .map(parseVerifierKey)
    .filter(({ publicKeyBytes }) => own.some((bytes) => bytes.equals(publicKeyBytes)))
    .map(formatVerifierKey);
}

function positionIn(text: string | undefined): AuditPosition | undefined {
  const read = text === undefined ? undefined : (JSON.parse(text) as Partial<AuditPosition>);
  const { leaves, size, rounds } = read ?? {};
  const isWhole = [leaves, size, rounds].every((value) => Number.isSafeInteger(value) && value! >= 0);
  return isWhole ? { leaves: leaves!, size: size!, rounds: rounds! } : undefined;
}
