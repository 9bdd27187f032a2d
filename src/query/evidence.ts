import type { Instant } from '../ledger/instant.js';
import type { LedgerEventKind, SessionEventKind } from '../ledger/session-event.js';

/** An event an answer rests on. */
export interface Evidence {
  seq: number;
  /** Null for an event of the ledger itself. */
  sessionId: string | null;
  kind: SessionEventKind | LedgerEventKind;
  occurredAt: Instant;
  recordedAt: Instant;
}

/** Each event once, in the order of the ledger. */
export function inOrder(events: readonly Evidence[]): Evidence[] {
  return [...new Map(events.map((event) => [event.seq, event])).values()].sort((a, b) => a.seq - b.seq);
}
