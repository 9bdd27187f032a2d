import type { SessionLedgerErrorCode } from '../errors.js';

/** Errors that any question about an instant may get, for the description of the API. */
export const questionRefusals = [
  'ERR_INVALID_USER_ID',
  'ERR_INVALID_INSTANT',
  'ERR_AMBIGUOUS_LOCAL_TIME',
  'ERR_SKIPPED_LOCAL_TIME',
  'ERR_INSTANT_IN_FUTURE',
  'ERR_NOT_SETTLED',
] as const satisfies SessionLedgerErrorCode[];
