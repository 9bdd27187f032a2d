import { canonicalJson, type JsonValue } from '../ledger/canonical-json.js';
import { readLeafFacts } from './verify-leaf.js';

/** An event as its leaf says it; members that are null in its row are absent. Instants compare as texts. */
export interface LeafEvent {
  readonly seq: string;
  readonly bucket: number;
  readonly kind: string;
  readonly occurredAt: string;
  readonly recordedAt: string;
  readonly expiresAt?: string;
  readonly absoluteExpiresAt?: string;
  readonly sessionId?: string;
  readonly sessionSeq?: number;
  readonly subjectId?: string;
  readonly actorId?: string;
  readonly application?: string;
  readonly clientId?: string;
  readonly detail?: Readonly<Record<string, JsonValue>>;
}

/**
 * Reads an event out of its leaf.
 *
 * @param leaf the leaf's text
 * @returns undefined for anything but the canonical JSON of an event
 */
export function readLeafEvent(leaf: string): LeafEvent | undefined {
  const facts = readLeafFacts(Buffer.from(leaf));
  return facts === undefined || Number.isNaN(facts.seq) || !isCanonical(leaf)
    ? undefined
    : (JSON.parse(leaf) as LeafEvent);
}

/** One spelling alone: of a member that stands there twice, two readers could believe different ones. */
function isCanonical(leaf: string): boolean {
  try {
    return canonicalJson(JSON.parse(leaf) as JsonValue) === leaf;
  } catch {
    // Not JSON, or JSON that has no canonical form: a lone surrogate, more levels than the stack has.
    return false;
  }
}

/**
 * The event that decides whether a session was live at an instant, by the events at hand: its last one at or before it, `expired` passed
 * over. The same rule as the ledger's own, which stands in SQL (`last_event_at`), for those who have leaves and no database.
 *
 * @param at RFC 3339 in UTC with six fraction digits, as in the leaves: such texts compare as instants do.
 */
export function decidingEvent(ofSession: readonly LeafEvent[], at: string): LeafEvent | undefined {
  return ofSession
    .filter(({ kind, occurredAt }) => kind !== 'expired' && occurredAt <= at)
    .reduce<LeafEvent | undefined>(
      (last, event) => (last === undefined || (event.sessionSeq ?? 0) > (last.sessionSeq ?? 0) ? event : last),
      undefined,
    );
}

/** Whether the session of the deciding event was live at the instant (`is_live` in SQL). */
export function isLiveBy(decided: LeafEvent | undefined, at: string): boolean {
  return decided?.expiresAt !== undefined && decided.kind !== 'revoked' && at < decided.expiresAt;
}
