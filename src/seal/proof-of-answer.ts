import { SessionLedgerError } from '../errors.js';
import { addMicroseconds, type Instant } from '../ledger/instant.js';
import type { Executor } from '../ledger/named-query.js';
import { publishedCheckpoint, type PublishedCheckpoint } from './checkpoint-published.js';
import { disclosedClients, disclosedUser, type SubjectFound } from './proof-of-disclosure.js';
import { leafInFrontOf, leafThatSettles, mostLeaves, provenRange } from './proof-of-range.js';
import { creations, introductions, latestOpening, ledgerEvents, nextEvent } from './proof-of-session.js';
import { leavesOfEvents, proveEvents } from './sealed-events.js';
import { answerByLeaves, type AnswerGround, type SessionAtHand } from './verify-answer.js';
import type { EvidenceFile, ProvenLeaf, ProvenRange } from './verify-evidence-file.js';
import type { LeafEvent } from './verify-live.js';
import { longestSecondsBy } from './verify-range.js';
import { whatFilesSay } from './verify-statement.js';

/** An answer that is to be proven. */
export interface AnswerToProve {
  readonly userId: string;
  readonly realm: string;
  readonly at: Instant;
  readonly answer: 'logged_in' | 'not_logged_in' | 'unknown';
  readonly reason: string | null;
  readonly settled: boolean;
  readonly applications: readonly { readonly name: string }[];
  readonly evidence: readonly { readonly seq: number; readonly kind: string }[];
}

/**
 * Makes the evidence file of an answer: the leaves that it follows from, and the answer that follows from them, which has to be the same.
 *
 * Where nothing was recorded since the instant, an event that says how far the ledger is settled is recorded first; the proof can be made
 * once that is sealed.
 *
 * @param executor the writer's
 * @param recorder who records such an event
 * @throws SessionLedgerError `ERR_NOT_SETTLED` while the answer is not settled or not sealed, `ERR_NOT_PROVABLE` for an answer that no
 *   events show, `ERR_REPORT_TOO_LARGE` for one whose range is too long for one file, `ERR_EVIDENCE_REJECTED` where the ledger is not
 *   what was sealed.
 * @example
 * const file = await proofOfAnswer(writer, await history.loginStateAt(question, asking), 'api-1');
 */
export async function proofOfAnswer(
  executor: Executor,
  answer: AnswerToProve,
  recorder: string,
): Promise<EvidenceFile> {
  if (answer.reason === 'integrity') throw rejected('an event that this answer rests on is not what was sealed');
  if (answer.reason === 'no_such_user') throw notProvable('no event of the ledger is of a user whom it has never seen');
  if (answer.answer === 'unknown' && answer.reason !== 'gap') {
    throw notProvable(`no event of the ledger shows that an answer is unknown for the reason ${answer.reason}`);
  }
  const published = await publishedCheckpoint(executor);
  if (published === undefined || !answer.settled) throw notSettled();
  const file = await new EvidenceWriter(executor, answer, published, recorder).file();
  if (file.answer.answer !== answer.answer) {
    throw rejected(`the ledger answers ${answer.answer}, and by its sealed events it is ${file.answer.answer}`);
  }
  return file;
}

/** Collects what one answer follows from. */
class EvidenceWriter {
  private readonly leaves = new Map<number, ProvenLeaf>();
  private range: ProvenRange | null = null;
  private eventsInRange: LeafEvent[] = [];
  private since: Instant | null = null;
  private subject: SubjectFound | null = null;

  constructor(
    private readonly executor: Executor,
    private readonly answer: AnswerToProve,
    private readonly published: PublishedCheckpoint,
    private readonly recorder: string,
  ) {}

  async file(): Promise<EvidenceFile> {
    const { executor, answer, published } = this;
    const names = answer.applications.map(({ name }) => name);
    await this.add(await ledgerEvents(executor, 'application_recorded', answer.at, names));
    if (answer.answer === 'unknown') {
      await this.add(answer.evidence.filter(({ kind }) => kind === 'gap').map(({ seq }) => seq));
    } else {
      this.subject = await disclosedUser(executor, answer);
      await (answer.answer === 'logged_in' ? this.addPresence() : this.addAbsence(this.subject));
    }
    const sessions = this.liveSessions();
    const clients = await disclosedClients(executor, sessions);
    return {
      format: 'session-ledger-evidence@v1',
      says: whatFilesSay[answer.answer],
      answer: answerByLeaves({ ...this.ground(), clients }).answer,
      checkpoint: published.note,
      events: [...this.leaves.values()].sort((a, b) => a.index - b.index),
      range: this.range,
      subject: this.subject?.disclosure ?? null,
      clients,
    };
  }

  /** The events of each live session, and that nothing ended it before the instant. */
  private async addPresence(): Promise<void> {
    const { executor, answer } = this;
    await this.add(answer.evidence.map(({ seq }) => seq));
    const sessions = this.liveSessions();
    await this.add(await introductions(executor, sessions));
    const next = await Promise.all(sessions.map(({ decided }) => nextEvent(executor, decided)));
    await this.add(next.flatMap((seq) => seq ?? []));
    const isShown = sessions.some(({ actorId }, index) => actorId === undefined && next[index] !== undefined);
    await this.addRangeOfPresence(
      sessions.filter((_, index) => next[index] === undefined),
      isShown,
    );
  }

  /**
   * Of a session without a next event, all that was recorded until the instant shows that none ended it. One of the user's own has to be
   * shown; of others, that is left to be believed where it takes too many events.
   */
  private async addRangeOfPresence(sessions: readonly SessionAtHand[], isShown: boolean): Promise<void> {
    if (sessions.length === 0) return;
    const end = (await this.leafThatSettles()) + 1;
    const starts = (of: readonly SessionAtHand[]): number[] =>
      of.map(({ decided }) => this.leaves.get(Number(decided.seq))!.index);
    const ofAll = Math.min(...starts(sessions));
    if (end - ofAll > mostLeaves && isShown) return;
    const ofOne = Math.max(...starts(sessions.filter(({ actorId }) => actorId === undefined)));
    const start = end - ofAll > mostLeaves ? ofOne : ofAll;
    this.range = await provenRange(this.executor, { start, end }, this.published);
  }

  /** Everything that was recorded while a session that was live at the instant could have begun. */
  private async addAbsence({ subjectId }: SubjectFound): Promise<void> {
    const { executor, answer, published } = this;
    const opening = await latestOpening(executor, subjectId, published.lastSeq);
    if (opening === undefined) throw notProvable('no event is of this user, who has never opened a session');
    await this.add([opening, ...(await ledgerEvents(executor, 'policy_set', answer.at, null))]);
    const longestSeconds = longestSecondsBy(this.events(), answer.at);
    if (longestSeconds === undefined) throw notProvable('no policy says how long a session may have lived');
    this.since = addMicroseconds(answer.at, BigInt(longestSeconds) * -1_000_000n);
    const end = (await this.leafThatSettles()) + 1;
    await this.addRange(await leafInFrontOf(executor, this.since, end), end);
    await this.add(await creations(executor, this.liveSessions()));
    await this.add(await introductions(executor, this.liveSessions()));
  }

  private async addRange(start: number, end: number): Promise<void> {
    this.range = await provenRange(this.executor, { start, end }, this.published);
    this.eventsInRange = this.range.leaves.map(eventOf);
  }

  private async leafThatSettles(): Promise<number> {
    const leaf = await leafThatSettles(this.executor, this.answer.at, this.published, this.recorder);
    if (leaf === undefined || leaf >= this.published.size) throw notSettled();
    return leaf;
  }

  private async add(seqs: readonly number[]): Promise<void> {
    const { lastSeq, size } = this.published;
    if (seqs.some((seq) => seq > lastSeq)) throw notSettled();
    const missing = [...new Set(seqs)].filter((seq) => !this.leaves.has(seq));
    const leaves = await leavesOfEvents(this.executor, missing);
    for (const { seq, index, leaf, hashes } of await proveEvents(this.executor, missing, leaves, size)) {
      const proof = hashes.map((hash) => Buffer.from(hash).toString('base64'));
      this.leaves.set(seq, { index, leaf: leaf.toString(), proof });
    }
  }

  private liveSessions(): SessionAtHand[] {
    return answerByLeaves({ ...this.ground(), clients: [] }).sessions.filter(({ isLive }) => isLive);
  }

  private ground(): Omit<AnswerGround, 'clients'> {
    const { answer, since, subject } = this;
    return {
      userId: answer.userId,
      realm: answer.realm,
      at: answer.at,
      subjectCommitment: subject?.commitment ?? null,
      since,
      events: this.events(),
      range: this.eventsInRange,
    };
  }

  private events(): LeafEvent[] {
    return [...this.leaves.values()].map(({ leaf }) => eventOf(leaf));
  }
}

/** These leaves were made of rows a moment ago; whoever reads the file reads them more strictly. */
function eventOf(leaf: string): LeafEvent {
  return JSON.parse(leaf) as LeafEvent;
}

function notSettled(): SessionLedgerError {
  return new SessionLedgerError(
    'ERR_NOT_SETTLED',
    'this answer is not settled and sealed yet; ask again in a few seconds',
    { retryAfterSeconds: 1 },
  );
}

function notProvable(why: string): SessionLedgerError {
  return new SessionLedgerError('ERR_NOT_PROVABLE', `this answer has no proof: ${why}`);
}

function rejected(why: string): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_REJECTED', `${why}; run "session-ledger verify"`);
}
