import { SessionLedgerError } from '../errors.js';

/**
 * A session id from a path, in lower case.
 *
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for what is no UUID.
 */
export function checkedSessionId(text: string): string {
  if (/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)) return text.toLowerCase();
  throw new SessionLedgerError('ERR_INVALID_INPUT', 'a session id is a UUID', { field: 'sessionId' });
}
