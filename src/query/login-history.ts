import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { parseInstant } from '../ledger/instant.js';
import { poolUse, type PoolUse } from '../ledger/pool-use.js';
import { checkedUserId } from '../ledger/user-id.js';
import { proofOfEvent, type ProofOfEvent } from '../seal/proof-of-event.js';
import { scopeOf, type Asking } from './asking.js';
import { answerInChunks, type Answered, type BatchReading } from './batch.js';
import { answerCsv } from './batch-csv.js';
import { answerNdjson } from './batch-ndjson.js';
import type { BatchEntry, BatchOptions } from './batch-row.js';
import { clientsSeen, keptUserAgent, networkOf, type ClientsPage } from './clients-seen.js';
import type {
  ClientsQuestion,
  LoggedInQuestion,
  LoginStateOverQuestion,
  LoginStateQuestion,
  SessionsQuestion,
} from './history-questions.js';
import { loggedInAt, type LoggedInPage } from './logged-in-at.js';
import { loginStateAt, type LoginState } from './login-state-at.js';
import { loginStateOver, type LoginStateOver } from './login-state-over.js';
import { checkedLimit, type PageAsked } from './page.js';
import { Questions } from './question.js';
import { checkedSessionId, oneSession, sessionHistory, type EventsPage, type OneSession } from './session-history.js';
import { sessionsOfUser, type SessionsPage } from './sessions-of-user.js';
import { optionalInstant, optionalRange, refuseReversed, refuseUnknownZone } from './times-asked.js';

/** What the answers need beside the database. */
export interface LoginHistoryOptions {
  /** Whose user ids are meant where a question does not say; `default` when omitted. */
  realm?: string;
  /** Where questions are recorded, when answers are read from a replica; the same database when omitted. */
  recorder?: DataSource;
}

/**
 * Who was logged in when, from the ledger alone. Every question is recorded before it is answered, and how it ended after.
 *
 * Beside the errors named below, every method throws ERR_FORBIDDEN for a realm or application outside of what the asker
 * may hear of, ERR_INVALID_INPUT, ERR_INVALID_USER_ID and ERR_INVALID_INSTANT for what cannot be read, and
 * ERR_LEDGER_UNAVAILABLE or ERR_LEDGER_BUSY when the ledger cannot be read or the question not be recorded.
 *
 * @example
 * const history = new LoginHistory(reader);
 * const state = await history.loginStateAt({ userId: 'alice', at: '2026-03-04T02:14:00Z' }, { askedBy: 'ann', caseId: 'D-17' });
 * state.answer; // 'logged_in'
 */
export class LoginHistory {
  readonly #questions: Questions;
  readonly #realm: string;

  /** @param reader an initialised data source of the reader role; the library never closes it. */
  constructor(
    private readonly reader: DataSource,
    options: LoginHistoryOptions = {},
  ) {
    this.#questions = new Questions(options.recorder ?? reader);
    this.#realm = options.realm ?? 'default';
  }

  /**
   * Was this user logged in then?
   *
   * @throws SessionLedgerError ERR_INSTANT_IN_FUTURE; ERR_NOT_SETTLED for a `knownAt` beyond the horizon;
   * ERR_AMBIGUOUS_LOCAL_TIME, ERR_SKIPPED_LOCAL_TIME
   */
  async loginStateAt(question: LoginStateQuestion, asking: Asking): Promise<LoginState> {
    const scope = scopeOf(asking, question, this.#realm);
    const userId = checkedUserId(question.userId);
    refuseUnknownZone(question);
    const at = optionalInstant(question.at, question.zone, 'at');
    const knownAt = optionalInstant(question.knownAt, question.zone, 'knownAt');
    const about = { user: { realm: scope.realm, userId } };
    const proof = question.proof === true ? { proof: true } : {};
    return this.#questions.answer(
      { kind: 'login_state_at', asking, about, parameters: { ...scope, at, knownAt, ...proof } },
      ({ askedAt }) => loginStateAt(this.reader, { userId, scope, at, knownAt }, askedAt),
      () => 1,
    );
  }

  /**
   * When in `[from, to)` was this user logged in?
   *
   * @throws SessionLedgerError ERR_RANGE_REVERSED, ERR_INSTANT_IN_FUTURE, ERR_NOT_SETTLED,
   * ERR_AMBIGUOUS_LOCAL_TIME, ERR_SKIPPED_LOCAL_TIME; ERR_REPORT_TOO_LARGE for a range in which more than 200,000 events of the user decide
   */
  async loginStateOver(question: LoginStateOverQuestion, asking: Asking): Promise<LoginStateOver> {
    const scope = scopeOf(asking, question, this.#realm);
    const userId = checkedUserId(question.userId);
    refuseUnknownZone(question);
    const from = parseInstant(question.from, { zone: question.zone, field: 'from' });
    const to = parseInstant(question.to, { zone: question.zone, field: 'to' });
    refuseReversed(from, to);
    const knownAt = optionalInstant(question.knownAt, question.zone, 'knownAt');
    const about = { user: { realm: scope.realm, userId } };
    return this.#questions.answer(
      { kind: 'login_state_over', asking, about, parameters: { ...scope, from, to, knownAt } },
      ({ askedAt }) => loginStateOver(this.reader, { userId, scope, from, to, knownAt }, askedAt),
      ({ intervals }) => intervals.length,
    );
  }

  /**
   * The sessions of a user, the newest first.
   *
   * @throws SessionLedgerError ERR_RANGE_REVERSED, ERR_INVALID_CURSOR, ERR_AMBIGUOUS_LOCAL_TIME, ERR_SKIPPED_LOCAL_TIME
   */
  async sessionsOf(question: SessionsQuestion, asking: Asking): Promise<SessionsPage> {
    const scope = scopeOf(asking, { realm: question.realm }, this.#realm);
    const userId = checkedUserId(question.userId);
    const range = optionalRange(question);
    const page = { after: question.after, limit: checkedLimit(question.limit) };
    const about = { user: { realm: scope.realm, userId } };
    return this.#questions.answer(
      { kind: 'sessions_of_user', asking, about, parameters: { ...scope, ...range, ...placeOf(page) } },
      ({ askedAt }) => sessionsOfUser(this.reader, { userId, scope, ...range, ...page }, askedAt),
      ({ items }) => items.length,
    );
  }

  /**
   * One session.
   *
   * @throws SessionLedgerError ERR_SESSION_NOT_FOUND
   */
  async session(sessionId: string, asking: Asking): Promise<OneSession> {
    const id = checkedSessionId(sessionId);
    return this.#questions.answer(
      { kind: 'session', asking, about: { sessionId: id }, parameters: { sessionId: id } },
      ({ askedAt }) => oneSession(this.reader, id, asking, askedAt),
      () => 1,
    );
  }

  /**
   * What happened in a session, event by event, oldest first.
   *
   * @throws SessionLedgerError ERR_SESSION_NOT_FOUND, ERR_INVALID_CURSOR
   */
  async events(sessionId: string, asked: PageAsked, asking: Asking): Promise<EventsPage> {
    const id = checkedSessionId(sessionId);
    const page = { after: asked.after, limit: checkedLimit(asked.limit) };
    return this.#questions.answer(
      { kind: 'session_events', asking, about: { sessionId: id }, parameters: { sessionId: id, ...placeOf(page) } },
      ({ askedAt }) => sessionHistory(this.reader, { sessionId: id, ...page }, asking, askedAt),
      ({ items }) => items.length,
    );
  }

  /**
   * Everyone logged in at an instant.
   *
   * @throws SessionLedgerError ERR_INSTANT_IN_FUTURE, ERR_NOT_SETTLED, ERR_INVALID_CURSOR,
   * ERR_AMBIGUOUS_LOCAL_TIME, ERR_SKIPPED_LOCAL_TIME
   */
  async loggedInAt(question: LoggedInQuestion, asking: Asking): Promise<LoggedInPage> {
    const scope = scopeOf(asking, question, this.#realm);
    refuseUnknownZone(question);
    const at = optionalInstant(question.at, question.zone, 'at');
    const knownAt = optionalInstant(question.knownAt, question.zone, 'knownAt');
    const page = { after: question.after, limit: checkedLimit(question.limit) };
    return this.#questions.answer(
      { kind: 'logged_in_at', asking, about: {}, parameters: { ...scope, at, knownAt, ...placeOf(page) } },
      ({ askedAt }) => loggedInAt(this.reader, { scope, at, knownAt, ...page }, askedAt),
      ({ items }) => items.length,
    );
  }

  /**
   * Which sessions and users were seen from an address or network, with an agent, or both; in every realm that the
   * asker may hear of.
   *
   * @throws SessionLedgerError ERR_RANGE_REVERSED, ERR_INVALID_CURSOR, ERR_AMBIGUOUS_LOCAL_TIME, ERR_SKIPPED_LOCAL_TIME
   */
  async clientsSeen(question: ClientsQuestion, asking: Asking): Promise<ClientsPage> {
    const network = question.ip === undefined ? null : networkOf(question.ip);
    const userAgent = question.userAgent === undefined ? null : keptUserAgent(question.userAgent);
    if (network === null && userAgent === null) {
      throw new SessionLedgerError('ERR_INVALID_INPUT', 'ask for an ip, a userAgent, or both', { field: 'ip' });
    }
    const range = optionalRange(question);
    const page = { after: question.after, limit: checkedLimit(question.limit) };
    const about = { client: { ip: network, userAgent } };
    return this.#questions.answer(
      { kind: 'clients_seen', asking, about, parameters: { ...range, ...placeOf(page) } },
      ({ askedAt }) => clientsSeen(this.reader, { network, userAgent, ...range, ...page }, asking, askedAt),
      ({ items }) => items.length,
    );
  }

  /**
   * Proves an event by the newest checkpoint. Its leaf names nobody, and belongs to somebody: whoever asks for it is on record.
   *
   * @throws SessionLedgerError ERR_NOT_FOUND, ERR_EVIDENCE_REJECTED
   */
  async eventProof(seq: number, asking: Asking): Promise<ProofOfEvent> {
    return this.#questions.answer(
      { kind: 'event_proof', asking, about: {}, parameters: { seq } },
      () => proofOfEvent(this.reader, seq),
      () => 1,
    );
  }

  /**
   * Answers a list of questions in its order, with flat memory. A row that is none keeps its place and gets an error.
   * The list is over when the last answer was read; whoever stops before that leaves it recorded as abandoned.
   *
   * @example
   * for await (const { row, answer } of history.answerBatch(rows, { askedBy: 'ann' })) console.log(row.userId, answer);
   */
  async *answerBatch<Row extends BatchEntry>(
    rows: AsyncIterable<Row>,
    asking: Asking,
    options: BatchOptions = {},
  ): AsyncGenerator<Answered<Row>, void, undefined> {
    for await (const chunk of answerInChunks(this.#batch(asking, options), rows, () => 0)) yield* chunk;
  }

  /**
   * Answers a list in CSV: see batch-csv.ts. The first piece comes when the header was found to be right and the question
   * is on record; what fails before that can still be answered politely.
   *
   * @throws SessionLedgerError ERR_COLUMN_COLLISION
   */
  answerCsv(
    bytes: AsyncIterable<Uint8Array | string>,
    asking: Asking,
    options: BatchOptions = {},
  ): AsyncGenerator<string, void, undefined> {
    return answerCsv(bytes, (rows) => answerInChunks(this.#batch(asking, options), rows, ({ text }) => text.length));
  }

  /**
   * Answers a list in NDJSON: see batch-ndjson.ts.
   *
   * @throws SessionLedgerError ERR_COLUMN_COLLISION
   */
  answerNdjson(
    bytes: AsyncIterable<Uint8Array | string>,
    asking: Asking,
    options: BatchOptions = {},
  ): AsyncGenerator<string, void, undefined> {
    return answerNdjson(bytes, (rows) => answerInChunks(this.#batch(asking, options), rows, ({ text }) => text.length));
  }

  /** How busy the connections that answer are, for metrics. */
  get connections(): PoolUse {
    return poolUse(this.reader);
  }

  #batch(asking: Asking, options: BatchOptions): BatchReading {
    return { reader: this.reader, questions: this.#questions, asking, defaultRealm: this.#realm, options };
  }
}

/** Only whether a list was read on: its cursor says who was last on the page, and questions are never erased. */
function placeOf({ after, limit }: { after: string | undefined; limit: number }): Record<string, unknown> {
  return { limit, readsOn: after !== undefined };
}
