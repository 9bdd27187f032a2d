import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { Evidence } from './evidence.js';

/** An application, and since when the ledger holds its sessions. */
export interface CoveredApplication {
  name: string;
  recordingSince: Instant;
}

/** A stretch `[from, to)` in which events may have been lost, by the event that says so. */
export interface Gap {
  readonly seq: number;
  readonly occurredAt: Instant;
  readonly recordedAt: Instant;
  readonly from: Instant;
  readonly to: Instant;
}

/** From when on sessions were allowed to live how long. */
export interface PolicyAllowed {
  readonly setAt: Instant;
  readonly absoluteSeconds: number;
}

/** What the ledger can know at all, as it stood at one moment. */
export interface Coverage {
  /** H: every event dated at or before it is visible. */
  readonly horizon: Instant;
  /** The ledger's clock after that was read: all that the horizon promises was recorded before. */
  readonly readAt: Instant;
  /** The lifetimes that policies allowed, oldest first. */
  readonly policies: readonly PolicyAllowed[];
  /** Within the question's scope, oldest first. */
  readonly applications: readonly CoveredApplication[];
  readonly gaps: readonly Gap[];
  /** The events of all these. An answer that is no rests on each of them: on what may live how long, and on what was recorded. */
  readonly events: readonly Evidence[];
}

const coverageSql = `
SELECT h.settled_at AS horizon, session_ledger.ledger_clock() AS "readAt",
       (SELECT coalesce(jsonb_agg(jsonb_build_object('setAt', session_ledger.rfc3339(p.occurred_at), 'absoluteSeconds', p.detail -> 'absoluteSeconds')
                                  ORDER BY p.occurred_at, p.seq), '[]')
          FROM session_ledger.event p
         WHERE p.session_id IS NULL AND p.kind = 'policy_set' AND p.recorded_at <= $1) AS policies,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.application, 'recordingSince', session_ledger.rfc3339(a.occurred_at))
                                  ORDER BY a.occurred_at, a.seq), '[]')
          FROM session_ledger.event a
         WHERE a.session_id IS NULL AND a.kind = 'application_recorded' AND a.recorded_at <= $1
           AND ($2::text[] IS NULL OR a.application = ANY ($2))) AS applications,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('seq', g.seq, 'occurredAt', session_ledger.rfc3339(g.occurred_at),
                                                     'recordedAt', session_ledger.rfc3339(g.recorded_at),
                                                     'from', g.detail ->> 'from', 'to', g.detail ->> 'to') ORDER BY g.seq), '[]')
          FROM session_ledger.event g
         WHERE g.session_id IS NULL AND g.kind = 'gap' AND g.recorded_at <= $1) AS gaps,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('seq', e.seq, 'sessionId', NULL, 'kind', e.kind, 'occurredAt', session_ledger.rfc3339(e.occurred_at),
                                                     'recordedAt', session_ledger.rfc3339(e.recorded_at)) ORDER BY e.seq), '[]')
          FROM session_ledger.event e
         WHERE e.session_id IS NULL AND e.kind IN ('policy_set', 'application_recorded', 'gap') AND e.recorded_at <= $1
           AND (e.kind <> 'application_recorded' OR $2::text[] IS NULL OR e.application = ANY ($2))) AS events
  FROM session_ledger.horizon h`;

/**
 * Reads what the ledger can know. The horizon comes first: whatever is read after it shows every event it promises.
 *
 * @param knownAt only what the ledger said then; null for everything.
 * @param applications the scope of the question; null for every application.
 */
export async function readCoverage(
  executor: Executor,
  knownAt: Instant | null,
  applications: readonly string[] | null,
): Promise<Coverage> {
  const values = [knownAt ?? 'infinity', applications];
  return (await queryRows<Coverage>(executor, { name: 'coverage', text: coverageSql, values }))[0]!;
}

/** The applications whose sessions the ledger held at the instant. One recorded later never changes an earlier answer. */
export function applicationsCovered({ applications }: Coverage, at: Instant): CoveredApplication[] {
  return applications.filter(({ recordingSince }) => recordingSince <= at);
}

/** The gaps the instant lies in. */
export function gapsAround({ gaps }: Coverage, at: Instant): Gap[] {
  return gaps.filter(({ from, to }) => from <= at && at < to);
}

/** The event that recorded a gap. */
export function evidenceOfGap({ seq, occurredAt, recordedAt }: Gap): Evidence {
  return { seq, sessionId: null, kind: 'gap', occurredAt, recordedAt };
}

/**
 * L at an instant: no session that was live then was opened, or authenticated afresh, longer before. Only policies set by
 * then count: one set later would widen what a settled answer looked at, and so change its evidence.
 */
export function longestSecondsAt({ policies }: Coverage, at: Instant): number {
  return policies.reduce(
    (longest, { setAt, absoluteSeconds }) => (setAt <= at ? Math.max(longest, absoluteSeconds) : longest),
    0,
  );
}

/** The longest lifetime that any policy allowed, at whatever time. */
export function longestSecondsEver({ policies }: Coverage): number {
  return policies.reduce((longest, { absoluteSeconds }) => Math.max(longest, absoluteSeconds), 0);
}
