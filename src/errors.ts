/**
 * Every failure that leaves this package as an error carries one of these codes. Codes are a contract: clients
 * switch on them, and the HTTP service repeats them as the `code` of its problem details (RFC 9457).
 * An answer is not an error: an expired or unknown token is a value, never a throw.
 */
export type SessionLedgerErrorCode =
  | 'ERR_INVALID_INPUT'
  | 'ERR_INVALID_USER_ID'
  | 'ERR_INVALID_INSTANT'
  | 'ERR_AMBIGUOUS_LOCAL_TIME'
  | 'ERR_SKIPPED_LOCAL_TIME'
  | 'ERR_INSTANT_IN_FUTURE'
  | 'ERR_NOT_SETTLED'
  | 'ERR_NOT_PROVABLE'
  | 'ERR_RANGE_REVERSED'
  | 'ERR_INVALID_CURSOR'
  | 'ERR_INVALID_POLICY'
  | 'ERR_POLICY_LOOSENED'
  | 'ERR_SENSITIVE_ATTRIBUTE'
  | 'ERR_SESSION_NOT_FOUND'
  | 'ERR_SESSION_NOT_LIVE'
  | 'ERR_TOO_MANY_SESSIONS'
  | 'ERR_SUBJECT_NOT_RECORDED'
  | 'ERR_NOT_AUTHENTICATED'
  | 'ERR_FRESH_LOGIN_REQUIRED'
  | 'ERR_CROSS_SITE_REQUEST'
  | 'ERR_LEDGER_UNAVAILABLE'
  | 'ERR_LEDGER_BUSY'
  | 'ERR_CLOCK_BEHIND'
  | 'ERR_ISOLATION_LEVEL'
  | 'ERR_CONFIGURATION'
  | 'ERR_DATABASE_NEWER'
  | 'ERR_DATABASE_BEHIND'
  | 'ERR_POSTGRES_TOO_OLD'
  | 'ERR_ROLES_FORBIDDEN'
  | 'ERR_EMBEDDED_POSTGRES'
  | 'ERR_DATA_DIRECTORY'
  | 'ERR_DATA_DIRECTORY_IN_USE'
  | 'ERR_COLUMN_COLLISION'
  | 'ERR_UPLOAD_TOO_LARGE'
  | 'ERR_REPORT_TOO_LARGE'
  | 'ERR_OUTSIDE_UNAVAILABLE'
  | 'ERR_EVIDENCE_MALFORMED'
  | 'ERR_EVIDENCE_REJECTED'
  | 'ERR_UNAUTHORIZED'
  | 'ERR_FORBIDDEN'
  | 'ERR_NOT_FOUND'
  | 'ERR_UNSUPPORTED_MEDIA_TYPE'
  | 'ERR_BODY_TOO_LARGE'
  | 'ERR_HEADERS_TOO_LARGE'
  | 'ERR_REQUEST_TIMEOUT'
  | 'ERR_TOO_MANY_REQUESTS'
  | 'ERR_INTERNAL';

/**
 * A name that came in from outside, for a message: one that no name of ours could be is not repeated, since somebody may
 * have put a token or a key (40 characters and more) where its name belongs.
 *
 * @example
 * shownName('colour'); // 'colour'
 */
export function shownName(name: string): string {
  return /^[\w-]{1,39}$/.test(name) ? name : `(a name of ${name.length} characters)`;
}

/**
 * The one error class of the package. `message` says what to do next; `field` names the offending input in dotted form.
 *
 * @example
 * throw new SessionLedgerError('ERR_INSTANT_IN_FUTURE', 'at lies in the future; ask again after it has passed', { field: 'at' });
 */
export class SessionLedgerError extends Error {
  override readonly name = 'SessionLedgerError';
  /** The offending input in dotted form (`client.ip`), when one input is to blame. */
  readonly field: string | undefined;
  /** Seconds after which the same call may succeed, for failures that pass by themselves. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: SessionLedgerErrorCode,
    message: string,
    options: { cause?: unknown; field?: string; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.field = options.field;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
