import { parseInstant, type Instant } from '../ledger/instant.js';
import { HASH_BYTES, MAX_LEAF_BYTES } from './merkle.js';
import { parseStrictBase64 } from './strict-base64.js';
import { list, malformed, object, oneOf, text, wholeNumber } from './verify-shape.js';

/** A leaf, and that it is one of the tree under the checkpoint. */
export interface ProvenLeaf {
  /** Its place in the tree, from 0 on. */
  readonly index: number;
  /** The canonical JSON of the event; its UTF-8 bytes are the leaf. */
  readonly leaf: string;
  /** The audit path (RFC 6962, 2.1.1), each hash in Base64. */
  readonly proof: readonly string[];
}

/** Leaves that follow each other without a gap, and that they do. */
export interface ProvenRange {
  /** Place of the first one. */
  readonly first: number;
  readonly leaves: readonly string[];
  /** The hashes beside the range, as of `rangeProof`, in Base64. */
  readonly proof: readonly string[];
}

/** A value that leaves hold as a commitment only, with the salt that opens it: SHA-256(salt || canonical JSON of the value). */
export interface Disclosure<Value> {
  readonly value: Value;
  /** Hex, 16 bytes. */
  readonly salt: string;
}

/** Who a user is. */
export interface DisclosedUser {
  readonly realm: string;
  readonly userId: string;
}

/** Where a session was used from, as its requests showed it. */
export interface DisclosedClient {
  readonly ip: string | null;
  readonly userAgent: string | null;
}

/** A session that was live at the instant, as its events tell it. */
export interface ProvenSession {
  readonly sessionId: string;
  readonly application: string;
  readonly createdAt: string;
  /** The deadline that held then. */
  readonly liveUntil: string;
  readonly lastUseAtOrBefore: string;
  /** Null where no request said it, and where it is not disclosed. */
  readonly client: DisclosedClient | null;
}

/** A session that was live at the instant, in which somebody else acted as the user: by their subject id. */
export interface ProvenImpersonation extends ProvenSession {
  readonly actorId: string;
}

/** An event that the answer rests on. */
export interface ProvenEvidence {
  readonly seq: number;
  readonly kind: string;
  readonly occurredAt: string;
  readonly recordedAt: string;
}

/** An answer, as far as events tell it: nothing stands in it that cannot be worked out anew from the leaves of its file. */
export interface ProvableAnswer {
  readonly userId: string;
  readonly realm: string;
  readonly at: Instant;
  readonly answer: 'logged_in' | 'not_logged_in' | 'unknown';
  readonly reason: 'gap' | null;
  /** The applications that it covers. */
  readonly applications: readonly { readonly name: string; readonly recordingSince: string }[];
  /** The user's own; the newest first. */
  readonly sessions: readonly ProvenSession[];
  readonly impersonations: readonly ProvenImpersonation[];
  /** In the order of the ledger. */
  readonly evidence: readonly ProvenEvidence[];
}

/** An answer and all that an outsider needs to check it, in one JSON file. */
export interface EvidenceFile {
  readonly format: 'session-ledger-evidence@v1';
  /** What such a file proves, and what it does not, in words. */
  readonly says: string;
  readonly answer: ProvableAnswer;
  /** The signed note. */
  readonly checkpoint: string;
  /** Events that are needed one by one. */
  readonly events: readonly ProvenLeaf[];
  /** All leaves of a stretch of time, where it is to be seen that something did not happen. */
  readonly range: ProvenRange | null;
  /** The user; null where nothing about the user is proven. */
  readonly subject: Disclosure<DisclosedUser> | null;
  /** The clients that are named in the answer. */
  readonly clients: readonly Disclosure<DisclosedClient>[];
}

const format = 'session-ledger-evidence@v1';

/**
 * Reads an evidence file strictly: every member, and no other.
 *
 * @param json the file's JSON, parsed
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` that names the first member that is not as it must be
 */
export function readEvidenceFile(json: unknown): EvidenceFile {
  const file = object(json, 'the file', [
    'format',
    'says',
    'answer',
    'checkpoint',
    'events',
    'range',
    'subject',
    'clients',
  ]);
  if (file['format'] !== format) throw malformed(`format is not ${format}`);
  return {
    format,
    says: text(file['says'], 'says'),
    answer: answer(file['answer']),
    checkpoint: text(file['checkpoint'], 'checkpoint'),
    events: list(file['events'], 'events', provenLeaf),
    range: file['range'] === null ? null : provenRange(file['range']),
    subject: file['subject'] === null ? null : disclosure(file['subject'], 'subject', user),
    clients: list(file['clients'], 'clients', (value, where) => disclosure(value, where, client)),
  };
}

function answer(value: unknown): ProvableAnswer {
  const found = object(value, 'answer', [
    'userId',
    'realm',
    'at',
    'answer',
    'reason',
    'applications',
    'sessions',
    'impersonations',
    'evidence',
  ]);
  return {
    userId: text(found['userId'], 'answer.userId'),
    realm: text(found['realm'], 'answer.realm'),
    at: instant(found['at'], 'answer.at'),
    answer: oneOf(found['answer'], 'answer.answer', ['logged_in', 'not_logged_in', 'unknown']),
    reason: oneOf(found['reason'], 'answer.reason', ['gap', null]),
    applications: list(found['applications'], 'answer.applications', application),
    sessions: list(found['sessions'], 'answer.sessions', (session, where) => ofSession(session, where, [])),
    impersonations: list(found['impersonations'], 'answer.impersonations', (session, where) => {
      const { actorId } = object(session, where, [...membersOfSession, 'actorId']);
      return { ...ofSession(session, where, ['actorId']), actorId: text(actorId, `${where}.actorId`) };
    }),
    evidence: list(found['evidence'], 'answer.evidence', evidence),
  };
}

function application(value: unknown, where: string): ProvableAnswer['applications'][number] {
  const { name, recordingSince } = object(value, where, ['name', 'recordingSince']);
  return { name: text(name, `${where}.name`), recordingSince: text(recordingSince, `${where}.recordingSince`) };
}

const membersOfSession = ['sessionId', 'application', 'createdAt', 'liveUntil', 'lastUseAtOrBefore', 'client'];

function ofSession(value: unknown, where: string, more: readonly string[]): ProvenSession {
  const found = object(value, where, [...membersOfSession, ...more]);
  return {
    sessionId: text(found['sessionId'], `${where}.sessionId`),
    application: text(found['application'], `${where}.application`),
    createdAt: text(found['createdAt'], `${where}.createdAt`),
    liveUntil: text(found['liveUntil'], `${where}.liveUntil`),
    lastUseAtOrBefore: text(found['lastUseAtOrBefore'], `${where}.lastUseAtOrBefore`),
    client: found['client'] === null ? null : client(found['client'], `${where}.client`),
  };
}

function evidence(value: unknown, where: string): ProvenEvidence {
  const found = object(value, where, ['seq', 'kind', 'occurredAt', 'recordedAt']);
  return {
    seq: wholeNumber(found['seq'], `${where}.seq`),
    kind: text(found['kind'], `${where}.kind`),
    occurredAt: text(found['occurredAt'], `${where}.occurredAt`),
    recordedAt: text(found['recordedAt'], `${where}.recordedAt`),
  };
}

function provenLeaf(value: unknown, where: string): ProvenLeaf {
  const found = object(value, where, ['index', 'leaf', 'proof']);
  return {
    index: wholeNumber(found['index'], `${where}.index`),
    leaf: leaf(found['leaf'], `${where}.leaf`),
    proof: list(found['proof'], `${where}.proof`, hash),
  };
}

function provenRange(value: unknown): ProvenRange {
  const found = object(value, 'range', ['first', 'leaves', 'proof']);
  return {
    first: wholeNumber(found['first'], 'range.first'),
    leaves: list(found['leaves'], 'range.leaves', leaf),
    proof: list(found['proof'], 'range.proof', hash),
  };
}

function disclosure<Value>(
  value: unknown,
  where: string,
  read: (value: unknown, where: string) => Value,
): Disclosure<Value> {
  const found = object(value, where, ['value', 'salt']);
  const salt = text(found['salt'], `${where}.salt`);
  // Of another length, a part of the salt could be read as a part of the value.
  if (!/^[0-9a-f]{32}$/.test(salt)) throw malformed(`${where}.salt is not 16 bytes in hex`);
  return { value: read(found['value'], `${where}.value`), salt };
}

function user(value: unknown, where: string): DisclosedUser {
  const { realm, userId } = object(value, where, ['realm', 'userId']);
  return { realm: text(realm, `${where}.realm`), userId: text(userId, `${where}.userId`) };
}

function client(value: unknown, where: string): DisclosedClient {
  const { ip, userAgent } = object(value, where, ['ip', 'userAgent']);
  return {
    ip: ip === null ? null : text(ip, `${where}.ip`),
    userAgent: userAgent === null ? null : text(userAgent, `${where}.userAgent`),
  };
}

function leaf(value: unknown, where: string): string {
  const found = text(value, where);
  if (Buffer.byteLength(found) > MAX_LEAF_BYTES) throw malformed(`${where} is longer than any leaf`);
  return found;
}

function hash(value: unknown, where: string): string {
  const found = text(value, where);
  if (parseStrictBase64(found)?.length !== HASH_BYTES) throw malformed(`${where} is not a hash in Base64`);
  return found;
}

function instant(value: unknown, where: string): Instant {
  const found = text(value, where);
  // Instants are compared as texts, so there must be one spelling of each.
  if (!isInstant(found)) throw malformed(`${where} is not an instant as the ledger writes it`);
  return found;
}

function isInstant(value: string): value is Instant {
  try {
    return parseInstant(value) === value;
  } catch {
    // Whatever parseInstant refuses is none.
    return false;
  }
}
