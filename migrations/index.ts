import { EventLedger1767225600000 } from './1767225600000-event-ledger.js';
import { Sessions1767225600001 } from './1767225600001-sessions.js';
import { LedgerFunctions1767225600002 } from './1767225600002-ledger-functions.js';
import { SessionFunctions1767225600003 } from './1767225600003-session-functions.js';
import { LiveAt1767225600004 } from './1767225600004-live-at.js';
import { Grants1767225600005 } from './1767225600005-grants.js';
import { Seal1767225600006 } from './1767225600006-seal.js';

/** Every migration, in order, named by hand: a file that is not in this list does not exist. */
export const migrations = [
  EventLedger1767225600000,
  Sessions1767225600001,
  LedgerFunctions1767225600002,
  SessionFunctions1767225600003,
  LiveAt1767225600004,
  Grants1767225600005,
  Seal1767225600006,
];
