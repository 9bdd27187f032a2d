import type { SessionLedgerErrorCode } from '../errors.js';
import type { LoginState } from './login-state-at.js';

/** A question of a list: texts, as they stand in it. */
export interface BatchRow {
  userId: string;
  at: string;
  /** Whose user id this is; the list's realm when omitted or empty. */
  realm?: string;
  /** The zone of an `at` without an offset; the list's zone when omitted or empty. */
  zone?: string;
}

/** A question, or why the row is none: such a row keeps its place, and gets the code for an answer. */
export type BatchEntry = BatchRow | { error: SessionLedgerErrorCode };

/** The answer to one row, in short: the same that the single question gives. */
export interface BatchLoginState {
  answer: LoginState['answer'];
  reason: LoginState['reason'];
  settled: boolean;
  /** Sessions live at the instant, the newest first; impersonations are not among them. */
  sessionIds: string[];
  evidenceSeqs: number[];
}

/** An answer, or the code of what was wrong with the row. */
export type BatchAnswer = BatchLoginState | { error: SessionLedgerErrorCode };

/** What holds for a whole list. */
export interface BatchOptions {
  /** Whose user ids these are, where a row does not say. */
  realm?: string;
  /** The IANA zone of instants without an offset, where a row does not say. */
  zone?: string;
  application?: string;
  /** Answer from what the ledger said then. */
  knownAt?: string;
}
