import { LeafWalk, Member, microsecondsAt } from './verify-leaf-walk.js';
import { idWords } from './verify-session-table.js';

/** What an event says of itself, as far as the order of events depends on it; what its leaf does not say is undefined. */
export interface LeafFacts {
  /** NaN for what no ledger hands out: below 1, or more than a number carries exactly. */
  seq: number;
  kind: string;
  /** Instants are in microseconds since 1970 UTC, exact up to the year 2255. */
  recordedAt: number;
  occurredAt: number;
  expiresAt: number | undefined;
  absoluteExpiresAt: number | undefined;
  idleSeconds: number | undefined;
  /** The id of the session, in words: see `sessionIdOf`. */
  session: Int32Array | undefined;
  sessionSeq: number | undefined;
  subjectId: string | undefined;
  actorId: string | undefined;
  application: string | undefined;
  reason: string | undefined;
  /** Undefined for kinds in which nothing of it counts, and which are nearly all events. */
  detail: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Reads the facts of an event out of its leaf. A leaf as the ledger writes it is walked in the one order that its members have: parsing
 * each as JSON was measured to take longer than hashing it. Whatever is unusual is left to the JSON parser.
 *
 * @param leaf the leaf's bytes: canonical JSON, as `canonicalEvent` writes it.
 * @returns undefined for what is not the JSON of an event; otherwise an object that the next call may write over, because making one
 *   for each leaf of a ledger took a tenth of the time.
 * @example
 * readLeafFacts(leaf)?.kind; // 'used'
 */
export function readLeafFacts(leaf: Uint8Array): Readonly<LeafFacts> | undefined {
  return walkedFacts(leaf) ?? parsedFacts(leaf);
}

const walk = new LeafWalk();
const member = {
  absoluteExpiresAt: new Member('absoluteExpiresAt'),
  actorId: new Member('actorId'),
  application: new Member('application'),
  bucket: new Member('bucket'),
  clientId: new Member('clientId'),
  detail: new Member('detail'),
  expiresAt: new Member('expiresAt'),
  idleSeconds: new Member('idleSeconds'),
  kind: new Member('kind'),
  occurredAt: new Member('occurredAt'),
  reason: new Member('reason'),
  recordedAt: new Member('recordedAt'),
  recordedBy: new Member('recordedBy'),
  secretDigest: new Member('secretDigest'),
  seq: new Member('seq'),
  sessionId: new Member('sessionId'),
  sessionSeq: new Member('sessionSeq'),
  subjectId: new Member('subjectId'),
  v: new Member('v'),
};

const kindsWithoutDetail: ReadonlySet<string> = new Set(['used', 'created', 'revoked', 'expired']);
const sessionWords = new Int32Array(idWords);
const facts: LeafFacts = {
  seq: Number.NaN,
  kind: '',
  recordedAt: Number.NaN,
  occurredAt: Number.NaN,
  expiresAt: undefined,
  absoluteExpiresAt: undefined,
  idleSeconds: undefined,
  session: undefined,
  sessionSeq: undefined,
  subjectId: undefined,
  actorId: undefined,
  application: undefined,
  reason: undefined,
  detail: undefined,
};

/** Undefined for a leaf that is written in any other way than the ledger's own, which need not make it a wrong one. */
function walkedFacts(leaf: Uint8Array): LeafFacts | undefined {
  walk.begin(leaf);
  facts.absoluteExpiresAt = walk.instant(member.absoluteExpiresAt);
  facts.actorId = walk.text(member.actorId);
  facts.application = walk.text(member.application);
  walk.number(member.bucket);
  walk.passText(member.clientId);
  walk.passObject(member.detail);
  facts.expiresAt = walk.instant(member.expiresAt);
  facts.idleSeconds = walk.number(member.idleSeconds);
  facts.kind = walk.kind(member.kind) ?? '';
  const detail = kindsWithoutDetail.has(facts.kind) ? undefined : walk.passedObject();
  facts.detail = detail === undefined ? undefined : objectIn(detail);
  facts.occurredAt = walk.instant(member.occurredAt) ?? Number.NaN;
  facts.reason = walk.text(member.reason);
  facts.recordedAt = walk.instant(member.recordedAt) ?? Number.NaN;
  walk.number(member.recordedBy);
  walk.passText(member.secretDigest);
  facts.seq = seqOf(walk.quotedNumber(member.seq));
  facts.session = walk.id(member.sessionId, sessionWords) ? sessionWords : undefined;
  facts.sessionSeq = walk.number(member.sessionSeq);
  facts.subjectId = walk.text(member.subjectId);
  walk.number(member.v);
  const isRead = walk.isAtEnd && (detail === undefined || facts.detail !== undefined);
  return isRead && facts.kind !== '' && facts.recordedAt + facts.occurredAt > 0 ? facts : undefined;
}

function seqOf(seq: number | undefined): number {
  return seq !== undefined && Number.isSafeInteger(seq) && seq > 0 ? seq : Number.NaN;
}

function parsedFacts(leaf: Uint8Array): LeafFacts | undefined {
  const event = objectIn(leaf);
  if (event === undefined) return undefined;
  const text = (name: string): string | undefined => (typeof event[name] === 'string' ? event[name] : undefined);
  const number = (name: string): number | undefined => (typeof event[name] === 'number' ? event[name] : undefined);
  const instant = (name: string): number | undefined => (name in event ? microsecondsAt(text(name) ?? '') : undefined);
  const read = {
    seq: seqOf(/^[0-9]+$/.test(text('seq') ?? '') ? Number(text('seq')) : undefined),
    kind: text('kind') ?? '',
    recordedAt: instant('recordedAt') ?? Number.NaN,
    occurredAt: instant('occurredAt') ?? Number.NaN,
    expiresAt: instant('expiresAt'),
    absoluteExpiresAt: instant('absoluteExpiresAt'),
    idleSeconds: number('idleSeconds'),
    session: 'sessionId' in event ? wordsOf(text('sessionId') ?? '') : undefined,
    sessionSeq: number('sessionSeq'),
    subjectId: text('subjectId'),
    actorId: text('actorId'),
    application: text('application'),
    reason: text('reason'),
    detail: kindsWithoutDetail.has(text('kind') ?? '') ? undefined : objectOf(event['detail']),
  };
  if ('sessionId' in event && read.session === undefined) return undefined;
  const instants = [read.recordedAt, read.occurredAt, read.expiresAt, read.absoluteExpiresAt];
  return read.kind === '' || instants.some(Number.isNaN) ? undefined : read;
}

function objectIn(json: Uint8Array | string): Record<string, unknown> | undefined {
  try {
    const text = typeof json === 'string' ? json : new TextDecoder('utf-8', { fatal: true }).decode(json);
    return objectOf(JSON.parse(text));
  } catch {
    // Not JSON, so nothing of an event: the caller says so of the place where it stands.
    return undefined;
  }
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

function wordsOf(id: string): Int32Array | undefined {
  const bytes = Buffer.from(id);
  if (bytes.length !== idWords * Int32Array.BYTES_PER_ELEMENT) return undefined;
  return Int32Array.from({ length: idWords }, (_, word) => bytes.readInt32BE(word * Int32Array.BYTES_PER_ELEMENT));
}

/**
 * The text of an id out of its words.
 *
 * @example
 * sessionIdOf(facts.session!); // '019cb6a3-f000-7abc-8def-0123456789ab'
 */
export function sessionIdOf(words: Int32Array): string {
  const bytes = Buffer.alloc(idWords * Int32Array.BYTES_PER_ELEMENT);
  words.forEach((word, index) => bytes.writeInt32BE(word, index * Int32Array.BYTES_PER_ELEMENT));
  return bytes.toString();
}
