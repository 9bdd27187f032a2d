/*
 * Words of the ledger (design, vocabulary)
 *
 *   event        one fact, one row of session_ledger.event; never changed, never removed but by retention
 *   seq          its place in the whole ledger; gaps are rolled-back transactions and mean nothing
 *   session_seq  its place in its session, gapless from 1
 *   occurredAt   when the fact took effect, by the database's clock
 *   recordedAt   when it was written; later than occurredAt only for `expired`
 *   expiresAt    the deadline that held after it: when the session lapses unless used; null once it has ended
 *   actor        who acted, when that is not the user: an admin who revoked, a clerk who acts as somebody
 *   client       address and user agent as the request showed them; null when not given, or erased since
 */
import type { Instant } from './instant.js';

/** What can happen to a session. `revoked` and `expired` are terminal. */
export type SessionEventKind = 'created' | 'used' | 'renewed' | 'revoked' | 'expired';

/** What can happen to the ledger itself. Readers pass over kinds they do not know. */
export type LedgerEventKind =
  | 'ledger_started'
  | 'application_recorded'
  | 'policy_set'
  | 'gap'
  | 'horizon_reached'
  | 'erased'
  | 'retention_applied'
  | 'hold_placed'
  | 'hold_released';

/** A user in a realm. */
export interface UserInRealm {
  userId: string;
  realm: string;
}

/** Where a request came from, as it showed itself. */
export interface RecordedClient {
  ip: string | null;
  userAgent: string | null;
}

/** One event of the ledger, as the API, the CLI and the library show it. */
export interface SessionEvent {
  seq: number;
  /** Null for an event of the ledger itself. */
  sessionId: string | null;
  sessionSeq: number | null;
  kind: SessionEventKind | LedgerEventKind;
  occurredAt: Instant;
  recordedAt: Instant;
  expiresAt: Instant | null;
  /** A code: `logout`, `admin`, `idle`, ...; the cause of a gap. */
  reason: string | null;
  application: string | null;
  actor: UserInRealm | null;
  client: RecordedClient | null;
  /** The instance, and the API key it acted for, that wrote the event. */
  recordedBy: string;
  detail: Record<string, unknown> | null;
  /** Whether a published checkpoint covers the event. */
  sealed: boolean;
}

/** A row of the ledger joined with what its ids stand for: what every statement that reads events selects. */
export interface SessionEventRow extends Omit<SessionEvent, 'actor' | 'client' | 'sealed'> {
  actorUserId: string | null;
  actorRealm: string | null;
  ip: string | null;
  userAgent: string | null;
}

/**
 * Turns a row into an event.
 *
 * @example
 * rows.map(toSessionEvent);
 */
export function toSessionEvent(row: SessionEventRow): SessionEvent {
  const { actorUserId, actorRealm, ip, userAgent, ...facts } = row;
  return {
    ...facts,
    actor: actorUserId === null || actorRealm === null ? null : { userId: actorUserId, realm: actorRealm },
    client: ip === null && userAgent === null ? null : { ip, userAgent },
    sealed: false,
  };
}
