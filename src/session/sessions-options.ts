import type { Policy } from './policy.js';
import type { UseBatchesOptions } from './use-batches-options.js';

/** What `Sessions` needs to know beside its data source. */
export interface SessionsOptions extends Omit<UseBatchesOptions, 'writers'> {
  /** Whose user ids these are, where an input names no realm. */
  readonly realm: string;
  /** What sessions are for, where an input names no application. */
  readonly application: string;
  /** The policy in force; `resolvePolicy` makes one. */
  readonly policy: Policy;
  /** Who records, where a call does not say: names this process in `recordedBy` of its events. */
  readonly instance: string;
  /** Keys that `attributes` of an opening may have. `deviceId`, `authMethod`, `issuer` and `tenant` when omitted. */
  readonly attributeKeys?: readonly string[];
  /** Writer connections that record uses, 2 to 4; 3 when omitted. Their pool needs one more, for waiting. */
  readonly writerConnections?: number;
}
