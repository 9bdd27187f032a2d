import { ApiProperty } from '@nestjs/swagger';
import type { LiveSession } from '../session/live-session.js';
import type { InJson } from './in-json.js';
import { UserInRealmAnswer } from './login-state-answer.dto.js';
import type { Problem } from './problem.js';

/** A session as it was at the moment of the answer. Instants are RFC 3339 UTC with six fraction digits. */
export class SessionAnswer implements InJson<LiveSession> {
  /**
   * The public id; it proves nothing, the token does.
   * @example '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e'
   */
  sessionId!: string;
  /**
   * The random UUID that stands for the user in the ledger.
   * @example '3c8f9a52-0b5e-4d1b-8f0e-6a1c2d3e4f0e'
   */
  subjectId!: string;
  /** @example 'alice' */
  userId!: string;
  /** @example 'default' */
  realm!: string;
  /** @example 'web' */
  application!: string;
  /** @example '2026-03-04T01:50:12.103442Z' */
  createdAt!: string;
  /**
   * The last fresh authentication: the opening, or a renewal with `amr`.
   * @example '2026-03-04T01:50:12.103442Z'
   */
  authenticatedAt!: string;
  /** @example '2026-03-04T02:11:40.512007Z' */
  lastUsedAt!: string;
  /**
   * The session lapses then, unless it is used before.
   * @example '2026-03-04T03:11:40.512007Z'
   */
  expiresAt!: string;
  /**
   * No use moves this one.
   * @example '2026-03-05T01:50:12.103442Z'
   */
  absoluteExpiresAt!: string;
  /** @example 3600 */
  idleSeconds!: number | null;
  /** @example ['pwd', 'otp'] */
  amr!: string[];
  acr!: string | null;
  /** Who acts as the user; null in the user's own session. */
  @ApiProperty({ example: null })
  actor!: UserInRealmAnswer | null;
}

/** A session just opened or renewed. */
export class TokenAnswer {
  /**
   * 64 characters, shown this once and kept nowhere.
   * @example 'AZy21B-afEGdPlsfb2orDmEzQ0pWb1hwN2RHc1RmS2xNbk9wUXJTdFV2V3hZejAx'
   */
  token!: string;
  session!: SessionAnswer;
}

/** Whether the token is live, and whose it is; about one that is not, nothing more. */
export class UseAnswer {
  /** @example true */
  active!: boolean;
  session?: SessionAnswer;
}

/** How many sessions ended by this request. */
export class RevokedAnswer {
  /** @example 1 */
  revoked!: number;
}

/** One of several inputs to blame. */
export class FieldProblemAnswer {
  /** @example 'client.ip' */
  field!: string;
  /** @example 'client.ip must be a string' */
  detail!: string;
}

/** An error (RFC 9457); `code` is stable. */
export class ProblemAnswer implements InJson<Problem> {
  /** @example 'urn:session-ledger:error:ERR_INVALID_INPUT' */
  type!: string;
  /** @example 'The request is not valid' */
  title!: string;
  /** @example 400 */
  status!: number;
  /** @example 'client.ip must be a string' */
  detail!: string;
  /** @example 'ERR_INVALID_INPUT' */
  code!: Problem['code'];
  /**
   * The input to blame, in dotted form.
   * @example 'client.ip'
   */
  field?: string;
  errors?: FieldProblemAnswer[];
  /**
   * Also in the header `X-Request-Id`, and in the log of the service.
   * @example '0af76519-16cd-43dd-8448-eb211c80319c'
   */
  requestId!: string;
}
