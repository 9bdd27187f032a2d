import { canonicalEvent } from '../../src/ledger/canonical-event.js';
import type { Instant } from '../../src/ledger/instant.js';

/** An event of 4 March 2026, by what is not as always. */
export interface Row {
  kind: string;
  /** `09:30:00`. */
  at: string;
  recordedAt?: string;
  expiresAt?: string;
  absoluteExpiresAt?: string;
  subjectId?: string;
  actorId?: string;
  application?: string;
  clientId?: string;
  reason?: string;
  detail?: object;
  seq?: string;
  sessionSeq?: number;
  /** The one session of the day when omitted; null for none. */
  session?: string | null;
}

const theSession = '019cb6a3-f000-7abc-8def-0123456789ab';
const kindsOfLedger = /_|^gap$/;

/** The leaves of a day, each event with the next seq, and with the next number of its session. */
export function leavesOfDay(rows: readonly Row[]): Buffer[] {
  const numbers = new Map<string, number>();
  return rows.map((row, index) => {
    const session = row.session === undefined && !kindsOfLedger.test(row.kind) ? theSession : (row.session ?? null);
    const number = (numbers.get(session ?? '') ?? 0) + 1;
    numbers.set(session ?? '', number);
    return leafOf({ seq: String(index + 1), sessionSeq: number, ...row, session });
  });
}

export function leafOf(row: Row): Buffer {
  const { session = theSession } = row;
  const isOpening = row.absoluteExpiresAt !== undefined;
  return Buffer.from(
    canonicalEvent({
      seq: row.seq ?? '1',
      kind: row.kind,
      bucket: 0,
      recordedBy: 1,
      occurredAt: instant(row.at),
      recordedAt: instant(row.recordedAt ?? row.at),
      expiresAt: row.expiresAt === undefined ? null : instant(row.expiresAt),
      absoluteExpiresAt: row.absoluteExpiresAt === undefined ? null : instant(row.absoluteExpiresAt),
      idleSeconds: isOpening ? 900 : null,
      secretDigest: null,
      clientId: row.clientId ?? null,
      sessionId: session,
      sessionSeq: session === null ? null : (row.sessionSeq ?? 1),
      subjectId: row.subjectId ?? null,
      actorId: row.actorId ?? null,
      application: row.application ?? (isOpening ? 'web' : null),
      reason: row.reason ?? null,
      detail: row.detail === undefined ? null : JSON.stringify(row.detail),
    }),
  );
}

/** An instant of the day. */
export function instant(time: string): Instant {
  return `2026-03-04T${time}${time.includes('.') ? '' : '.000000'}Z` as Instant;
}
