import type { EventColumns } from './canonical-event.js';
import { instantFromPostgres } from './instant.js';
import { queryRows, type Executor } from './named-query.js';

/** The columns as PostgreSQL prints them: one text each, whatever their type. */
export type PrintedColumns = { [Column in keyof EventColumns]: string | null };

/**
 * The select list of `PrintedColumns`, of a row called `e`. As text, so that each value is the one PostgreSQL prints, and no parser
 * stands between a row and its leaf.
 */
export const printedColumns = `
       e.seq::text, e.recorded_at::text AS "recordedAt", e.occurred_at::text AS "occurredAt", e.expires_at::text AS "expiresAt",
       e.client_id::text AS "clientId", e.session_seq::text AS "sessionSeq", e.recorded_by::text AS "recordedBy", e.bucket::text,
       e.session_id::text AS "sessionId", e.kind, e.reason, e.subject_id::text AS "subjectId", e.actor_id::text AS "actorId",
       e.application, e.absolute_expires_at::text AS "absoluteExpiresAt", e.idle_seconds::text AS "idleSeconds",
       encode(e.secret_digest, 'hex') AS "secretDigest", e.detail::text`;

const eventColumnsSql = `
SELECT ${printedColumns}
  FROM session_ledger.event e
 WHERE e.seq BETWEEN $1 AND $2
 ORDER BY e.seq`;

/**
 * Whole rows of the ledger from `first` to `last`, both included, in the order of `seq`: what leaves are made of.
 *
 * A stretch, not a LIMIT: the index on `seq` finds blocks, so a LIMIT would read and sort all that follows, every time.
 *
 * @throws what pg throws, and RangeError for a timestamp that is infinite or before the year 1.
 * @example
 * const leaves = (await readEventColumns(reader, 1, 8_192)).map((row) => Buffer.from(canonicalEvent(row)));
 */
export async function readEventColumns(executor: Executor, first: number, last: number): Promise<EventColumns[]> {
  return (await readPrintedColumns(executor, first, last)).map(fromPrinted);
}

/** The same rows as they are printed, for those who have to name the one that no event can be made of. */
export async function readPrintedColumns(executor: Executor, first: number, last: number): Promise<PrintedColumns[]> {
  return queryRows<PrintedColumns>(executor, { name: 'event_columns', text: eventColumnsSql, values: [first, last] });
}

/** Reads a row back out of what PostgreSQL printed. */
export function fromPrinted(row: PrintedColumns): EventColumns {
  return {
    seq: row.seq!,
    recordedAt: instantFromPostgres(row.recordedAt!),
    occurredAt: instantFromPostgres(row.occurredAt!),
    expiresAt: instantOrNull(row.expiresAt),
    clientId: row.clientId,
    sessionSeq: numberOrNull(row.sessionSeq),
    recordedBy: Number(row.recordedBy),
    bucket: Number(row.bucket),
    sessionId: row.sessionId,
    kind: row.kind!,
    reason: row.reason,
    subjectId: row.subjectId,
    actorId: row.actorId,
    application: row.application,
    absoluteExpiresAt: instantOrNull(row.absoluteExpiresAt),
    idleSeconds: numberOrNull(row.idleSeconds),
    secretDigest: row.secretDigest,
    detail: row.detail,
  };
}

function instantOrNull(text: string | null): EventColumns['expiresAt'] {
  return text === null ? null : instantFromPostgres(text);
}

function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text);
}
