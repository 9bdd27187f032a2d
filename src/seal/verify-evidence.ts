import { SessionLedgerError } from '../errors.js';
import { canonicalJson, type JsonValue } from '../ledger/canonical-json.js';
import type { Instant } from '../ledger/instant.js';
import { openCheckpoint, type Checkpoint } from './checkpoint.js';
import { verifyInclusion } from './inclusion-proof.js';
import { leafHash } from './merkle.js';
import { parseVerifierKey, type VerifierKey } from './note-key.js';
import { answerByLeaves, commitmentOf, type SessionAtHand } from './verify-answer.js';
import { readEvidenceFile, type EvidenceFile, type ProvenLeaf } from './verify-evidence-file.js';
import { readLeafEvent, type LeafEvent } from './verify-live.js';
import { beginsBefore, coveredUntil, faultsOfRange, longerThan, longestSecondsBy, shifted } from './verify-range.js';
import { statementOf, whatFilesSay } from './verify-statement.js';

/** What was found. */
export interface EvidenceVerdict {
  /** Whether the file proves what `proven` says. */
  readonly holds: boolean;
  readonly origin: string | null;
  /** Leaves under the checkpoint. */
  readonly size: number;
  /** What does not hold; empty when everything does. */
  readonly faults: readonly string[];
  /** What the file proves, in sentences; empty when it does not hold. */
  readonly proven: readonly string[];
  /** What it leaves to be believed, or to be seen in the whole ledger. */
  readonly restsOn: readonly string[];
}

/**
 * Verifies an evidence file, offline: its checkpoint is signed by a key you trust, its leaves are under it, and all that its answer says
 * follows from them, worked out anew. What no leaf shows is named in `restsOn`.
 *
 * @param file the file's JSON, parsed.
 * @param trust.keys vkey lines, as they were handed over by a way that is not the file's own.
 * @throws SessionLedgerError `ERR_EVIDENCE_MALFORMED` for what is no evidence file, `ERR_INVALID_INPUT` for keys that are none.
 * @example
 * const { holds, faults, proven } = verifyEvidence(JSON.parse(text), { keys: [vkey] });
 */
export function verifyEvidence(file: unknown, trust: { keys: readonly string[] }): EvidenceVerdict {
  const evidence = readEvidenceFile(file);
  const opened = openTrusted(evidence.checkpoint, trust.keys.map(parseVerifierKey));
  if (typeof opened === 'string') return rejected([opened], null);
  const faults = evidence.events.flatMap((event) => faultOfLeaf(event, opened) ?? []);
  if (evidence.range !== null) faults.push(...faultsOfRange(evidence.range, opened));
  const events = leavesRead(evidence.events.map(({ leaf }) => leaf));
  const range = leavesRead(evidence.range?.leaves ?? []);
  if (events === undefined || range === undefined) faults.push('a leaf is not the canonical JSON of an event');
  if (faults.length > 0) return rejected(faults, opened);
  return new AnswerCheck(evidence, events!, range!).verdict(opened);
}

function openTrusted(note: string, keys: readonly VerifierKey[]): Checkpoint | string {
  const origin = note.slice(0, note.indexOf('\n'));
  try {
    return openCheckpoint(note, { origin, logKeys: keys.filter(({ name }) => name === origin) }).checkpoint;
  } catch (cause) {
    if (!(cause instanceof SessionLedgerError)) throw cause;
    return `the checkpoint is not signed by a key you trust, or was changed: ${cause.message}`;
  }
}

function faultOfLeaf({ index, leaf, proof }: ProvenLeaf, { size, root }: Checkpoint): string | undefined {
  const path = proof.map((hash) => Buffer.from(hash, 'base64'));
  if (verifyInclusion({ index, size, leafHash: leafHash(Buffer.from(leaf)), proof: path, root })) return undefined;
  return `leaf ${index} is not under the checkpoint as the file has it`;
}

function leavesRead(leaves: readonly string[]): LeafEvent[] | undefined {
  const events = leaves.flatMap((leaf) => readLeafEvent(leaf) ?? []);
  return events.length === leaves.length ? events : undefined;
}

function rejected(faults: readonly string[], checkpoint: Checkpoint | null): EvidenceVerdict {
  const { origin = null, size = 0 } = checkpoint ?? {};
  return { holds: false, origin, size, faults, proven: [], restsOn: [] };
}

/** The answer of a file whose leaves are all under its checkpoint. */
class AnswerCheck {
  constructor(
    private readonly file: EvidenceFile,
    private readonly events: readonly LeafEvent[],
    private readonly range: readonly LeafEvent[],
  ) {}

  verdict(checkpoint: Checkpoint): EvidenceVerdict {
    const { answer, subject, clients } = this.file;
    const { at } = answer;
    const longestSeconds = longestSecondsBy([...this.events, ...this.range], at);
    const isNo = answer.answer === 'not_logged_in';
    const since = isNo ? shifted(at, BigInt(longestSeconds ?? 0) * -1_000_000n) : null;
    const { answer: workedOut, sessions } = answerByLeaves({
      userId: subject?.value.userId ?? answer.userId,
      realm: subject?.value.realm ?? answer.realm,
      at,
      subjectCommitment: subject && commitmentOf(subject),
      since,
      events: this.events,
      range: this.range,
      clients,
    });
    const shown = sessions
      .filter(({ isLive }) => isLive)
      .map((session) => ({ ...session, isUnbroken: this.isUnbroken(session) }));
    const faults = [
      ...this.faultsOfForm(sessions),
      ...differences(answer, workedOut),
      ...(answer.answer === 'logged_in' ? faultsOfPresence(shown) : []),
      ...(since === null ? [] : this.faultsOfAbsence(since, longestSeconds)),
    ];
    if (faults.length > 0) return rejected(faults, checkpoint);
    const { origin, size } = checkpoint;
    return { holds: true, origin, size, faults, ...statementOf(answer, shown, longestSeconds) };
  }

  /** What the file must have besides, and must not have. */
  private faultsOfForm(sessions: readonly SessionAtHand[]): string[] {
    const { answer, says, range, subject, clients } = this.file;
    const faults: string[] = [];
    if (says !== whatFilesSay[answer.answer]) faults.push('says is not what such a file says');
    if (answer.applications.length === 0) faults.push('the file shows no application that was recorded by then');
    if (answer.answer === 'unknown') {
      if (subject !== null || range !== null)
        faults.push('the file of an answer that is unknown shows nothing of a user');
    } else if (subject === null) {
      faults.push('the file does not open who the user is, so nothing in it is about anybody');
    }
    if (answer.answer === 'not_logged_in' && range === null) faults.push('the file lacks the range that shows absence');
    const withoutOpening = sessions.find(({ isLive, created }) => isLive && created === undefined);
    if (withoutOpening !== undefined) faults.push(`the file lacks the creation of session ${withoutOpening.sessionId}`);
    const named = new Set(sessions.filter(({ isLive }) => isLive).map(({ clientCommitment }) => clientCommitment));
    if (clients.some((client) => !named.has(commitmentOf(client)))) {
      faults.push('the file opens a client that is not the one that any of its events says');
    }
    return faults;
  }

  private faultsOfAbsence(since: Instant, longestSeconds: number | undefined): string[] {
    const { answer, range, subject } = this.file;
    if (range === null || subject === null) return [];
    if (longestSeconds === undefined) return ['the file holds no policy, so nothing says how long a session may live'];
    const faults: string[] = [];
    const commitment = commitmentOf(subject);
    if (![...this.events, ...this.range].some(({ detail }) => detail?.['subjectCommitment'] === commitment)) {
      faults.push('no event in the file is of the user: the ledger may know the user by another commitment');
    }
    if (!beginsBefore(range.first, this.range, since)) {
      faults.push(`the range begins too late: a session that began after ${since} may stand in front of it`);
    }
    const until = coveredUntil(this.range);
    if (until === undefined || until < answer.at) {
      faults.push(
        `the range covers only until ${until ?? 'before its first event'}: events of the instant may come behind it`,
      );
    }
    const longer = longerThan(longestSeconds, this.range, answer.at);
    if (longer !== undefined) {
      faults.push(`event ${longer.seq} allows a longer lifetime than any policy in the file: one of them is missing`);
    }
    return faults;
  }

  /** Whether nothing can have ended a live session between its last event at hand and the instant. */
  private isUnbroken({ sessionId, decided }: SessionAtHand): boolean {
    const { at } = this.file.answer;
    const nextSeq = (decided.sessionSeq ?? Number.NaN) + 1;
    const next = [...this.events, ...this.range].find(
      (event) => event.sessionId === sessionId && event.sessionSeq === nextSeq,
    );
    if (next !== undefined) return next.occurredAt > at;
    const isInRange = this.range.some(({ seq }) => seq === decided.seq);
    return isInRange && (coveredUntil(this.range) ?? '') >= at;
  }
}

/** Whoever leaves a revocation out has a session that looks live: one session at least has to be shown whole. */
function faultsOfPresence(sessions: readonly (SessionAtHand & { isUnbroken: boolean })[]): string[] {
  return sessions.some(({ actorId, isUnbroken }) => actorId === undefined && isUnbroken)
    ? []
    : ['nothing in the file shows that no event ended the session before the instant'];
}

function differences(answer: EvidenceFile['answer'], workedOut: EvidenceFile['answer']): string[] {
  if (answer.answer !== workedOut.answer) {
    return [`the answer is ${answer.answer}, and by the events in the file it is ${workedOut.answer}`];
  }
  const members = Object.keys(workedOut) as (keyof typeof workedOut)[];
  return members
    .filter((member) => textOf(answer[member]) !== textOf(workedOut[member]))
    .map((member) => `answer.${member} is not what the events and disclosures in the file say`);
}

function textOf(value: unknown): string {
  return canonicalJson(value as JsonValue);
}
