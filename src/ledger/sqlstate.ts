import { SessionLedgerError, type SessionLedgerErrorCode } from '../errors.js';

interface Meaning {
  code: SessionLedgerErrorCode;
  message: string;
  retryAfterSeconds?: number;
}

const unavailable: Meaning = {
  code: 'ERR_LEDGER_UNAVAILABLE',
  message: 'the ledger cannot be reached or cannot record now; nothing was done, try again',
  retryAfterSeconds: 1,
};
/** The connection broke while a statement was under way, perhaps behind its commit. */
const unanswered: Meaning = {
  ...unavailable,
  message: 'the ledger was lost before it answered; what was asked of it may be recorded or not, try again',
};
const busy: Meaning = {
  code: 'ERR_LEDGER_BUSY',
  message: 'the ledger did not answer within its time limit; try again',
  retryAfterSeconds: 1,
};
const behind: Meaning = {
  code: 'ERR_DATABASE_BEHIND',
  message: 'the database lacks objects of the ledger; run "session-ledger migrate"',
};

/** SQLSTATEs of class SL are raised by the ledger's own functions (migrations/). */
const bySqlState: Record<string, Meaning> = {
  SL001: {
    code: 'ERR_CLOCK_BEHIND',
    message:
      'the database clock stepped back, so nothing is recorded; correct the clock, or record the gap with "session-ledger gap record"',
    retryAfterSeconds: 5,
  },
  SL002: {
    code: 'ERR_ISOLATION_LEVEL',
    message:
      'sessions are opened and revoked in READ COMMITTED transactions only; a login in flight could be missed otherwise',
  },
  SL003: {
    code: 'ERR_SUBJECT_NOT_RECORDED',
    message: 'the user is not recorded yet; record the subject on a connection of its own first',
  },
  SL004: {
    code: 'ERR_INVALID_POLICY',
    message: 'the lifetime is longer than any policy on the ledger; set the policy first',
  },
  SL005: {
    code: 'ERR_RANGE_REVERSED',
    message: 'the gap ends before it begins; where "from" is left out it begins now, so give both for one that is over',
  },
  SL006: {
    code: 'ERR_INSTANT_IN_FUTURE',
    message: 'the gap lies in the future; leave "to" out for one that ends now, or record it once it is over',
  },
  '22023': {
    code: 'ERR_INVALID_INPUT',
    message: 'a value lies outside of what the ledger takes; its cause says which',
  }, // invalid_parameter_value
  '55P03': busy, // lock_not_available
  '57014': busy, // query_canceled: statement_timeout
  '40001': busy, // serialization_failure
  '40P01': busy, // deadlock_detected
  '25006': unavailable, // read_only_sql_transaction: a standby, or a primary that was demoted
  '25P03': unavailable, // idle_in_transaction_session_timeout
  '55000': unavailable, // object_not_in_prerequisite_state: the database lets nobody in now
  '28000': { ...unavailable, message: 'the database refused the login; check the user in the database URL' },
  '28P01': { ...unavailable, message: 'the database refused the login; check the password in the database URL' },
  '3D000': { ...unavailable, message: 'the database does not exist; check the name in the database URL' },
  '42501': {
    code: 'ERR_CONFIGURATION',
    message:
      'the login may not act as the roles of the ledger; run "session-ledger migrate" with SESSION_LEDGER_MIGRATION_URL set to its owner\'s login and DATABASE_URL to this one',
  }, // insufficient_privilege
  '3F000': behind, // invalid_schema_name
  '42P01': behind, // undefined_table
  '42883': behind, // undefined_function
  '42703': behind, // undefined_column
};

/** 08 connection, 53 resources, 57P operator intervention, 58 system error: the server, not the statement. */
const unavailableState = /^(08|53|57P|58)/;
const networkCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENOENT']);
const brokenCodes = new Set(['ECONNRESET', 'ETIMEDOUT', 'EPIPE']);
/** pg reports a lost or missing connection of its own accord by message alone. */
const lostConnection = /^(Connection terminated|Client has encountered a connection error|Query read timeout)/;
const noConnection =
  /^(timeout expired|timeout exceeded when trying to connect|Client was closed|Cannot use a pool after calling end)/;

/**
 * What a failure of the database means to a caller. Messages hold neither SQL nor values; the original is the `cause`.
 *
 * @example
 * await use().catch((error) => { throw toSessionLedgerError(error); }); // ERR_LEDGER_UNAVAILABLE, retryAfterSeconds 1
 */
export function toSessionLedgerError(error: unknown): SessionLedgerError {
  if (error instanceof SessionLedgerError) return error;
  const { code, message, retryAfterSeconds } = meaningOf(error);
  return new SessionLedgerError(code, message, {
    cause: error,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

function meaningOf(error: unknown): Meaning {
  const code = codeOf(error);
  const known = code === undefined ? undefined : bySqlState[code];
  if (known) return known;
  if (code !== undefined && (unavailableState.test(code) || networkCodes.has(code))) return unavailable;
  const message = String(shapeOf(error).message);
  if ((code !== undefined && brokenCodes.has(code)) || lostConnection.test(message)) return unanswered;
  if (noConnection.test(message)) return unavailable;
  return { code: 'ERR_INTERNAL', message: 'the ledger met a failure it does not know; see its cause' };
}

/** pg's SQLSTATE or Node's error code; of several addresses tried, the first one's. */
function codeOf(error: unknown): string | undefined {
  const { code, cause, errors } = shapeOf(error);
  if (Array.isArray(errors)) return codeOf(errors[0]);
  if (typeof code === 'string') return code;
  return cause === undefined ? undefined : codeOf(cause);
}

/**
 * An error by what it says, not by instanceof: where an application's code runs in a context of its own (Node's vm, and
 * so Jest), Node's ECONNREFUSED is no instance of that context's Error, and would be taken for a failure nobody knows.
 */
function shapeOf(error: unknown): { code?: unknown; message?: unknown; cause?: unknown; errors?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}
