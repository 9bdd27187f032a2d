import type { Evidence } from '../query/evidence.js';
import type { LoginState, SessionLater } from '../query/login-state-at.js';
import type { LoginStateOver } from '../query/login-state-over.js';
import type { InJson } from './in-json.js';
import { ComparedAnswer } from './sealed-answer.dto.js';

/** A user in a realm. */
export class UserInRealmAnswer {
  /** @example 'support-7' */
  userId!: string;
  /** @example 'default' */
  realm!: string;
}

/** Where a request came from, as it showed itself. */
export class ClientAnswer {
  /** @example '203.0.113.7' */
  ip!: string | null;
  /** @example 'Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0' */
  userAgent!: string | null;
}

/** An application, and since when the ledger holds its sessions. */
export class CoveredApplicationAnswer {
  /** @example 'web' */
  name!: string;
  /** @example '2026-01-12T08:00:00.000000Z' */
  recordingSince!: string;
}

/** A session as it was at an instant at which it was live. */
export class SessionAtAnswer {
  /** @example '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e' */
  sessionId!: string;
  /** @example 'web' */
  application!: string;
  /** @example '2026-03-04T01:50:12.103442Z' */
  createdAt!: string;
  /**
   * The deadline that held then: what it would have lapsed at without another use.
   * @example '2026-03-04T03:11:40.512007Z'
   */
  liveUntil!: string;
  /** @example '2026-03-04T02:11:40.512007Z' */
  lastUseAtOrBefore!: string;
  /** Where the last use came from; null when it did not say, or when that was erased. */
  client!: ClientAnswer | null;
}

/** A session in which somebody else acted as the user. */
export class ImpersonationAnswer extends SessionAtAnswer {
  /** Null when erased. */
  actor!: UserInRealmAnswer | null;
}

/** An event an answer rests on. */
export class EvidenceAnswer implements InJson<Evidence> {
  /**
   * Its place in the ledger.
   * @example 1234
   */
  seq!: number;
  /**
   * Null for an event of the ledger itself.
   * @example '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e'
   */
  sessionId!: string | null;
  /** @example 'created' */
  kind!: Evidence['kind'];
  /** @example '2026-03-04T01:50:12.103442Z' */
  occurredAt!: string;
  /** @example '2026-03-04T01:50:12.103981Z' */
  recordedAt!: string;
}

/** What became of a session after the instant asked about. */
export class SessionLaterAnswer implements InJson<SessionLater> {
  /** @example '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e' */
  sessionId!: string;
  /** @example '2026-03-04T02:15:03.220518Z' */
  firstUseAfter!: string | null;
  /**
   * `unknown`: a row that says so is not what was sealed.
   * @example 'ended'
   */
  state!: SessionLater['state'];
  /**
   * Null unless it has ended.
   * @example '2026-03-04T02:31:09.004127Z'
   */
  endedAt!: string | null;
  /** @example 'logout' */
  endReason!: string | null;
}

/** What came after the instant: not settled, and not what the answer rests on. */
export class LaterAnswer {
  sessions!: SessionLaterAnswer[];
}

/** Was this user logged in then, and what does the answer rest on? */
export class LoginStateAnswer extends ComparedAnswer implements InJson<LoginState> {
  /** @example 'alice' */
  userId!: string;
  /** @example 'default' */
  realm!: string;
  /** @example '2026-03-04T02:14:00.000000Z' */
  at!: string;
  /** Only what the ledger said then was looked at; null: everything. */
  knownAt!: string | null;
  /** @example 'logged_in' */
  answer!: LoginState['answer'];
  /** Why it is unknown, or that the ledger has never seen such a user. */
  reason!: LoginState['reason'];
  /**
   * Whether answer, sessions and evidence are final.
   * @example true
   */
  settled!: boolean;
  /** The applications the answer covers. */
  applications!: CoveredApplicationAnswer[];
  /** The user's sessions live at the instant, the newest first. */
  sessions!: SessionAtAnswer[];
  /**
   * Live sessions in which somebody else acted as the user; they never make the answer yes.
   * @example []
   */
  impersonations!: ImpersonationAnswer[];
  /** In the order of the ledger. */
  evidence!: EvidenceAnswer[];
  /**
   * Sessions whose deciding event was left out of the evidence of a no, which shows the newest 100.
   * @example 0
   */
  evidenceOmitted!: number;
  later!: LaterAnswer;
}

/** `[from, to)`. */
export class SpanAnswer {
  /** @example '2026-03-04T01:50:12.103442Z' */
  from!: string;
  /** @example '2026-03-04T02:31:09.004127Z' */
  to!: string;
}

/** A stretch `[from, to)` at every instant of which the answer is the same. */
export class AnswerIntervalAnswer extends SpanAnswer {
  /** @example 'logged_in' */
  answer!: LoginState['answer'];
  reason!: LoginState['reason'];
}

/** When in the range a session was live. */
export class SessionOverAnswer {
  /** @example '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e' */
  sessionId!: string;
  /** @example 'web' */
  application!: string;
  live!: SpanAnswer[];
}

/** When in a range was this user logged in, and what does the answer rest on? */
export class LoginStateOverAnswer extends ComparedAnswer implements InJson<LoginStateOver> {
  /** @example 'alice' */
  userId!: string;
  /** @example 'default' */
  realm!: string;
  /** @example '2026-03-04T01:00:00.000000Z' */
  from!: string;
  /** @example '2026-03-04T03:00:00.000000Z' */
  to!: string;
  /** Only what the ledger said then was looked at; null: everything. */
  knownAt!: string | null;
  /**
   * How much of the range the ledger can know.
   * @example 'full'
   */
  coverage!: LoginStateOver['coverage'];
  /** A partition of `[from, to)`; neighbours differ. */
  intervals!: AnswerIntervalAnswer[];
  /**
   * Whether coverage, intervals, sessions and evidence are final.
   * @example true
   */
  settled!: boolean;
  applications!: CoveredApplicationAnswer[];
  /** The user's sessions that were live in the range, the newest first. */
  sessions!: SessionOverAnswer[];
  /**
   * Sessions in which somebody else acted as the user; they never make an interval logged in.
   * @example []
   */
  impersonations!: SessionOverAnswer[];
  evidence!: EvidenceAnswer[];
  /**
   * Sessions left out of the lists and the evidence, which show the newest 100; the intervals rest on all of them.
   * @example 0
   */
  sessionsOmitted!: number;
}
