import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { SessionEventKind } from '../ledger/session-event.js';
import { subjectCommitment } from '../ledger/subject-commitment.js';
import type { Evidence } from './evidence.js';
import type { Terms } from './login-states.js';

/** A question about all users of a realm at one instant. */
export interface EveryoneAt {
  readonly realm: string;
  readonly at: Instant;
  /** L at the instant. */
  readonly longestSeconds: number;
  /** Only users behind this one. */
  readonly after: SubjectPlace;
}

/** A subject's place in the index event_subject: its bucket leads. */
export interface SubjectPlace {
  readonly bucket: number;
  readonly subjectId: string;
}

/** An opening or a renewal by which a session could be live at an instant, and the event that decides whether it is. */
export interface OpeningAt {
  readonly subjectId: string;
  readonly userId: string;
  readonly sessionId: string;
  readonly isLive: boolean;
  /** Somebody else acts as the user. */
  readonly isImpersonation: boolean;
  /** It was recorded for the user whom the subject's row names. */
  readonly isOfSubject: boolean;
  readonly opening: Evidence;
  readonly decided: Evidence;
}

interface Row extends Omit<OpeningAt, 'opening' | 'decided'> {
  bucket: number;
  openedSeq: number;
  openedKind: SessionEventKind;
  openedAt: Instant;
  openedRecordedAt: Instant;
  seq: number;
  kind: SessionEventKind;
  occurredAt: Instant;
  recordedAt: Instant;
}

const mostAtOnce = 2000;

// In the order of the index event_subject, so that a page reads its own stretch of it and stops.
const openingsAtSql = `
SELECT e.bucket, e.subject_id AS "subjectId", s.user_id AS "userId", e.session_id AS "sessionId", e.actor_id IS NOT NULL AS "isImpersonation",
       e.seq AS "openedSeq", e.kind AS "openedKind", e.occurred_at AS "openedAt", e.recorded_at AS "openedRecordedAt",
       session_ledger.is_live(d.kind, d.expires_at, $2::timestamptz) AS "isLive",
       (e.detail ->> 'subjectCommitment' = ${subjectCommitment('s')}) IS NOT FALSE AS "isOfSubject",
       d.seq, d.kind, d.occurred_at AS "occurredAt", d.recorded_at AS "recordedAt"
  FROM session_ledger.event e
  JOIN session_ledger.subject s ON s.subject_id = e.subject_id AND s.realm = $1
 CROSS JOIN LATERAL session_ledger.last_event_at(e.bucket, e.session_id, $2::timestamptz, $3::timestamptz, e.occurred_at - interval '61 seconds') d
 WHERE e.kind IN ('created', 'renewed')
   AND (e.bucket, e.subject_id, e.occurred_at, e.seq) > ($4::smallint, $5::uuid, $6::timestamptz, $7::bigint)
   AND (e.bucket, e.subject_id) >= ($4::smallint, $5::uuid)
   AND e.occurred_at > $2::timestamptz - $8::bigint * interval '1 second' AND e.occurred_at <= $2::timestamptz
   AND e.recorded_at > $2::timestamptz - ($8::bigint + 61) * interval '1 second' AND e.recorded_at <= least($3::timestamptz, $2::timestamptz + interval '10 minutes')
   AND ($9::text[] IS NULL OR e.application = ANY ($9))
 ORDER BY e.bucket, e.subject_id, e.occurred_at, e.seq
 LIMIT $10`;

/**
 * The openings of all users in the order of their subjects, in pieces that grow: most readers are done with a few.
 *
 * @param first how many the first piece has.
 */
export async function* openingsAt(
  executor: Executor,
  { realm, at, longestSeconds, after }: EveryoneAt,
  { knownAt, applications }: Terms,
  first: number,
): AsyncGenerator<OpeningAt[], void, undefined> {
  let place: unknown[] = [after.bucket, after.subjectId, 'infinity', 0];
  for (let atOnce = Math.min(first, mostAtOnce); ; atOnce = Math.min(2 * atOnce, mostAtOnce)) {
    const rows = await queryRows<Row>(executor, {
      name: 'openings_at',
      text: openingsAtSql,
      values: [realm, at, knownAt, ...place, longestSeconds, applications, atOnce],
    });
    if (rows.length > 0) yield rows.map(openingOf);
    const last = rows.at(-1);
    if (last === undefined || rows.length < atOnce) return;
    place = [last.bucket, last.subjectId, last.openedAt, last.openedSeq];
  }
}

function openingOf(row: Row): OpeningAt {
  const { subjectId, userId, sessionId, isLive, isImpersonation, isOfSubject } = row;
  const { seq, kind, occurredAt, recordedAt, openedSeq, openedKind, openedAt, openedRecordedAt } = row;
  return {
    subjectId,
    userId,
    sessionId,
    isLive,
    isImpersonation,
    isOfSubject,
    opening: { seq: openedSeq, sessionId, kind: openedKind, occurredAt: openedAt, recordedAt: openedRecordedAt },
    decided: { seq, sessionId, kind, occurredAt, recordedAt },
  };
}
