import { HttpException } from '@nestjs/common';
import { SessionLedgerError, type SessionLedgerErrorCode } from '../errors.js';
import { InvalidInput, type FieldProblem } from './invalid-input.js';
import { problemOfCode } from './problem-of-code.js';

/** An error as clients see it (RFC 9457): `application/problem+json`, with a stable `code` to switch on. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: SessionLedgerErrorCode;
  /** The offending input in dotted form, when one is to blame. */
  readonly field?: string | undefined;
  /** All of them, when there are several. */
  readonly errors?: readonly FieldProblem[] | undefined;
  readonly requestId?: string | undefined;
}

/**
 * What went wrong, in words fit for a client: those of our own errors, and nothing of any other, whose messages may
 * carry SQL, values or a path of this machine.
 */
export function problemOf(failure: unknown): Problem {
  if (failure instanceof InvalidInput)
    return problem('ERR_INVALID_INPUT', failure.message, failure.field, failure.errors);
  if (failure instanceof SessionLedgerError) return problemOfOurs(failure);
  // Nest wraps what Express and its body parser throw, and what went wrong is then in the cause alone.
  if (failure instanceof HttpException && failure.cause !== undefined) return problemOf(failure.cause);
  if (failure instanceof HttpException) return problemOfStatus(failure.getStatus());
  if (failure instanceof URIError) return problem('ERR_INVALID_INPUT', 'the path is not percent-encoded UTF-8');
  return problemOfParser(failure);
}

function problemOfOurs(failure: SessionLedgerError): Problem {
  const { status } = problemOfCode(failure.code);
  // What concerns the operator (settings, migrations, the data directory) is logged and not told to clients.
  const detail = status === 500 ? internalDetail : failure.message;
  return problem(failure.code, detail, failure.field);
}

/** Nest and the libraries behind it throw by status; their messages repeat the URL, in which a secret may stand. */
function problemOfStatus(status: number): Problem {
  switch (status) {
    case 404:
      return problem('ERR_NOT_FOUND', 'no such route; /docs and /openapi.json show them');
    case 413:
      return problem('ERR_BODY_TOO_LARGE', 'a JSON body may have 1 MiB');
    case 415:
      return problem('ERR_UNSUPPORTED_MEDIA_TYPE', 'send application/json in UTF-8, not compressed');
    case 503:
      return problem('ERR_LEDGER_UNAVAILABLE', 'the service cannot record at the moment');
    default:
      return status >= 400 && status < 500
        ? problem('ERR_INVALID_INPUT', 'the request is not valid')
        : problem('ERR_INTERNAL', internalDetail);
  }
}

/** Errors of the body parser carry `type` and `status` (http-errors). */
function problemOfParser(failure: unknown): Problem {
  const { type, status } = (failure ?? {}) as { type?: unknown; status?: unknown };
  if (type === 'entity.parse.failed') return problem('ERR_INVALID_INPUT', 'the body is not valid JSON');
  return typeof status === 'number' ? problemOfStatus(status) : problem('ERR_INTERNAL', internalDetail);
}

const internalDetail = 'the service failed; its log has the cause under this requestId';

function problem(
  code: SessionLedgerErrorCode,
  detail: string,
  field?: string,
  errors?: readonly FieldProblem[],
): Problem {
  const { status, title } = problemOfCode(code);
  return { type: `urn:session-ledger:error:${code}`, title, status, detail, code, field, errors };
}
