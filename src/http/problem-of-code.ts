import type { SessionLedgerErrorCode } from '../errors.js';

/** The HTTP status and the one title (RFC 9457 3.1.3) of every code. */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

/**
 * How a code is answered. 400: the request cannot be understood; 422: it is understood and cannot be answered, such as
 * a question about the future; 503: nothing was recorded, and the same request may succeed later.
 */
export function problemOfCode(code: SessionLedgerErrorCode): ProblemKind {
  return problemKinds[code] ?? { status: 500, title: 'The service failed' };
}

const problemKinds: Partial<Record<SessionLedgerErrorCode, ProblemKind>> = {
  ERR_INVALID_INPUT: { status: 400, title: 'The request is not valid' },
  ERR_INVALID_USER_ID: { status: 400, title: 'The user id is not valid' },
  ERR_INVALID_INSTANT: { status: 400, title: 'The instant is not valid' },
  ERR_INVALID_CURSOR: { status: 400, title: 'The cursor is not one of this list' },
  ERR_INVALID_POLICY: { status: 400, title: 'The policy is not valid' },
  ERR_UNAUTHORIZED: { status: 401, title: 'An API key is needed' },
  ERR_FORBIDDEN: { status: 403, title: 'The API key does not allow this' },
  ERR_NOT_FOUND: { status: 404, title: 'There is nothing here' },
  ERR_SESSION_NOT_FOUND: { status: 404, title: 'The ledger has never seen this session' },
  ERR_REQUEST_TIMEOUT: { status: 408, title: 'The request took too long' },
  ERR_SESSION_NOT_LIVE: { status: 409, title: 'The session is not live' },
  ERR_TOO_MANY_SESSIONS: { status: 409, title: 'The user has as many sessions as the policy allows' },
  ERR_SUBJECT_NOT_RECORDED: { status: 409, title: 'The user is not recorded yet' },
  ERR_EVIDENCE_REJECTED: { status: 409, title: 'The ledger contradicts its seal' },
  ERR_BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  ERR_UPLOAD_TOO_LARGE: { status: 413, title: 'The upload is too large' },
  ERR_UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The media type is not one of this route' },
  ERR_AMBIGUOUS_LOCAL_TIME: { status: 422, title: 'The local time happened twice' },
  ERR_SKIPPED_LOCAL_TIME: { status: 422, title: 'The local time did not happen' },
  ERR_INSTANT_IN_FUTURE: { status: 422, title: 'The instant lies in the future' },
  ERR_NOT_SETTLED: { status: 422, title: 'The instant is not settled yet' },
  ERR_NOT_PROVABLE: { status: 422, title: 'No event proves the answer' },
  ERR_RANGE_REVERSED: { status: 422, title: 'The range ends before it begins' },
  ERR_POLICY_LOOSENED: { status: 422, title: 'The policy is looser than the configured one' },
  ERR_SENSITIVE_ATTRIBUTE: { status: 422, title: 'The ledger does not take secrets' },
  ERR_COLUMN_COLLISION: { status: 422, title: 'A column has the name of an answer' },
  ERR_REPORT_TOO_LARGE: { status: 422, title: 'The report is too large' },
  ERR_TOO_MANY_REQUESTS: { status: 429, title: 'Too many requests' },
  ERR_HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  ERR_LEDGER_UNAVAILABLE: { status: 503, title: 'The ledger cannot be reached' },
  ERR_LEDGER_BUSY: { status: 503, title: 'The ledger is busy' },
  ERR_CLOCK_BEHIND: { status: 503, title: 'The clock of the database stepped back' },
};
