import { randomUUID } from 'node:crypto';
import { canonicalEvent, type EventColumns } from '../dist/src/ledger/canonical-event.js';
import { instantFromMicroseconds } from '../dist/src/ledger/instant.js';
import { signCheckpoint } from '../dist/src/seal/checkpoint.js';
import { encodeEntryBundle, parseEntryBundle } from '../dist/src/seal/entry-bundle.js';
import { GrowingTree } from '../dist/src/seal/growing-tree.js';
import { leafHashes } from '../dist/src/seal/merkle.js';
import { SigningKey } from '../dist/src/seal/signing-key.js';
import type { LogUnderTest } from '../dist/src/seal/verifier.js';

/** A log as it is published, in memory: what is measured on it is computing alone. */
export interface MadeLog {
  readonly log: LogUnderTest;
  readonly keys: readonly string[];
}

const origin = 'bench.example/ledger';
const bundleWidth = 256;
const usesPerSession = 30;
const liveAtOnce = 20_000;
const startedAt = 1_772_582_400_000_000n; // 2026-03-04T00:00:00Z
const idleSeconds = 900;
const lifetimeMicroseconds = 43_200_000_000n;

/** Makes a log of so many events: 20,000 sessions at a time, opened, used 30 times and revoked, their events in between each other. */
export async function makeLog(events: number): Promise<MadeLog> {
  const key = SigningKey.generate(origin);
  const tree = GrowingTree.empty();
  const tiles = new Map<string, Buffer>();
  const bundles: Buffer[] = [];
  for (const leaves of inBundles(leavesOf(events))) {
    bundles.push(encodeEntryBundle(leaves));
    for (const { hashes, ...tile } of tree.append(leafHashes(leaves))) tiles.set(`${tile.level}/${tile.index}`, hashes);
  }
  const checkpoint = await signCheckpoint({ origin, size: tree.size, root: tree.root(), extensions: [] }, [key]);
  const log: LogUnderTest = {
    checkpoint,
    published: async function* none() {},
    leaves: async function* leaves() {
      for (const [index, bundle] of bundles.entries()) {
        yield { leaves: parseEntryBundle(bundle, Math.min(bundleWidth, events - index * bundleWidth)) };
      }
    },
    tile: async ({ level, index }) => tiles.get(`${level}/${index}`)!,
  };
  return { log, keys: [key.vkey] };
}

function* inBundles(leaves: Iterable<Buffer>): Generator<Buffer[]> {
  let bundle: Buffer[] = [];
  for (const leaf of leaves) {
    bundle.push(leaf);
    if (bundle.length < bundleWidth) continue;
    yield bundle;
    bundle = [];
  }
  if (bundle.length > 0) yield bundle;
}

interface Session {
  sessionId: string;
  subjectId: string;
  clientId: string;
  sessionSeq: number;
  absoluteExpiresAt: bigint;
}

function* leavesOf(events: number): Generator<Buffer> {
  const sessions: (Session | undefined)[] = Array<undefined>(liveAtOnce).fill(undefined);
  yield leafOf({
    seq: '1',
    ...at(startedAt),
    kind: 'policy_set',
    application: 'web',
    detail: '{"absoluteSeconds":43200}',
  });
  for (let seq = 2; seq <= events; seq += 1) {
    const place = Math.floor(Math.random() * liveAtOnce);
    const now = startedAt + BigInt(seq) * 1_000n;
    const session = sessions[place];
    sessions[place] =
      session === undefined ? begun(seq, now) : session.sessionSeq > usesPerSession ? undefined : session;
    yield leafOf({
      seq: String(seq),
      ...at(now),
      ...(session === undefined ? createdBy(sessions[place]!, now) : next(session, now)),
    });
  }
}

function begun(seq: number, now: bigint): Session {
  const clientId = String(1_000_000 + seq);
  return {
    sessionId: randomUUID(),
    subjectId: randomUUID(),
    clientId,
    sessionSeq: 1,
    absoluteExpiresAt: now + lifetimeMicroseconds,
  };
}

function createdBy({ sessionId, subjectId, clientId, absoluteExpiresAt }: Session, now: bigint): Partial<EventColumns> {
  return {
    kind: 'created',
    bucket: Number.parseInt(sessionId.slice(-2), 16) & 63,
    sessionId,
    sessionSeq: 1,
    subjectId,
    clientId,
    application: 'web',
    expiresAt: instantFromMicroseconds(now + BigInt(idleSeconds) * 1_000_000n),
    absoluteExpiresAt: instantFromMicroseconds(absoluteExpiresAt),
    idleSeconds,
    secretDigest: 'ab'.repeat(32),
    detail: `{"acr": null, "amr": ["pwd"], "clientCommitment": "${'cd'.repeat(32)}", "subjectCommitment": "${'ef'.repeat(32)}"}`,
  };
}

function next(session: Session, now: bigint): Partial<EventColumns> {
  session.sessionSeq += 1;
  const { sessionId, sessionSeq, clientId } = session;
  const ofSession = { bucket: Number.parseInt(sessionId.slice(-2), 16) & 63, sessionId, sessionSeq };
  if (sessionSeq > usesPerSession + 1) return { ...ofSession, kind: 'revoked', reason: 'logout' };
  return {
    ...ofSession,
    kind: 'used',
    clientId,
    expiresAt: instantFromMicroseconds(now + BigInt(idleSeconds) * 1_000_000n),
  };
}

function at(microseconds: bigint): Pick<EventColumns, 'occurredAt' | 'recordedAt'> {
  return { occurredAt: instantFromMicroseconds(microseconds), recordedAt: instantFromMicroseconds(microseconds + 20n) };
}

function leafOf(columns: Partial<EventColumns>): Buffer {
  return Buffer.from(canonicalEvent({ ...noColumns, ...columns }));
}

const noColumns: EventColumns = {
  seq: '',
  recordedAt: instantFromMicroseconds(0n),
  occurredAt: instantFromMicroseconds(0n),
  expiresAt: null,
  clientId: null,
  sessionSeq: null,
  recordedBy: 1,
  bucket: 0,
  sessionId: null,
  kind: '',
  reason: null,
  subjectId: null,
  actorId: null,
  application: null,
  absoluteExpiresAt: null,
  idleSeconds: null,
  secretDigest: null,
  detail: null,
};
