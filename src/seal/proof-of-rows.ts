import { canonicalBytes } from '../ledger/canonical-bytes.js';
import { canonicalEvent } from '../ledger/canonical-event.js';
import type { Instant } from '../ledger/instant.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { fromPrinted, printedColumns, type PrintedColumns } from '../ledger/read-event-columns.js';
import { leafHash } from './merkle.js';

/** An event as an answer read it, by what leads to its row again. */
export interface RowRead {
  readonly seq: number;
  readonly kind: string;
  /** Null: an event of the ledger itself. */
  readonly sessionId: string | null;
  readonly occurredAt: Instant;
  readonly recordedAt: Instant;
}

/** How rows stand to the seals, each by its `seq`, in no order. What is in neither list is what was sealed. */
export interface SealStanding {
  /** No longer what was sealed, gone, or among what is sealed without ever having been. */
  readonly contradicting: readonly number[];
  /** Later than all that is sealed. */
  readonly unsealed: readonly number[];
}

/** Of more rows in one statement, none is compared any faster. */
const rowsAtOnce = 2000;

/*
 *   asked    the events, each by its whole place in an index. Their `seq` alone would find them by blocks (1 ms each, where
 *            this takes 10 microseconds), and would find the genuine row where a forged one carries its number
 *   e        their rows, all that claim the same place; of what is later than all seals, none is looked for
 *   r, t     the seal's run that holds the number, and the hash of its leaf. A row of `tile` holds the hashes that brought the
 *            tile to `width`, so its first one stands at `width` less their number
 *
 * What comes back is what the bytes made here do not confirm: nothing, of rows that are sealed and untouched.
 *
 * A number at or below the newest head without a hash belongs to a row that was inserted since, or to a seal that was taken
 * apart: the sealer's fence waits for every number that it passes. LATERAL with a LIMIT or OFFSET keeps the planner at a lookup
 * per event, each in the partition of its recorded_at; values enter where it does not see them, or it plans anew each time.
 */
const sealedRowsSql = (place: string): string => `
SELECT asked.position, asked.seq <= head.last_seq AS "isBelowHead", t.hash AS "sealedHash", ${printedColumns}
  FROM unnest((SELECT $1::bigint[]), (SELECT $2::text[]), (SELECT $3::uuid[]), (SELECT $4::timestamptz[]), (SELECT $5::timestamptz[]))
       WITH ORDINALITY AS asked(seq, kind, session_id, occurred_at, recorded_at, position)
 CROSS JOIN (SELECT (SELECT h.last_seq FROM session_ledger.tree_head h ORDER BY h.size DESC LIMIT 1) AS last_seq) head
  LEFT JOIN LATERAL (
       SELECT * FROM session_ledger.event e
        WHERE asked.seq <= head.last_seq AND ${place} AND e.seq = asked.seq AND e.recorded_at = asked.recorded_at OFFSET 0) e ON true
  LEFT JOIN LATERAL (
       SELECT s.leaf_first + asked.seq - s.seq_first AS leaf, s.seq_last FROM session_ledger.seal_run s
        WHERE asked.seq <= head.last_seq AND s.seq_first <= asked.seq ORDER BY s.seq_first DESC LIMIT 1) r ON r.seq_last >= asked.seq
  LEFT JOIN LATERAL (
       SELECT substring(h.hashes FROM (r.leaf % 256 - h.width + length(h.hashes) / 32)::integer * 32 + 1 FOR 32) AS hash FROM session_ledger.tile h
        WHERE h.level = 0 AND h.n = r.leaf / 256 AND h.width > r.leaf % 256 ORDER BY h.width LIMIT 1) t ON true
 WHERE CASE WHEN t.hash IS NOT NULL THEN sha256('\\x00'::bytea || ${canonicalBytes}) = t.hash END IS NOT TRUE`;

const statements = {
  ofSessions: {
    name: 'sealed_rows_of_sessions',
    text: sealedRowsSql(
      'e.bucket = (get_byte(uuid_send(asked.session_id), 15) & 63)::smallint AND e.session_id = asked.session_id AND e.occurred_at = asked.occurred_at',
    ),
  },
  ofLedger: { name: 'sealed_rows_of_ledger', text: sealedRowsSql('e.session_id IS NULL AND e.kind = asked.kind') },
};

/**
 * Compares rows with their seals: whether each is, byte for byte, the leaf that was sealed under its number. That the leaves add up to
 * the signed root is for the auditor and for `session-ledger verify` to say.
 *
 * @param rows as the answer read them, in any order.
 * @example
 * const { contradicting } = await sealStanding(reader, answer.evidence);
 */
export async function sealStanding(executor: Executor, rows: readonly RowRead[]): Promise<SealStanding> {
  const standing = { contradicting: new Set<number>(), unsealed: new Set<number>() };
  const ofSessions = rows.filter(({ sessionId }) => sessionId !== null);
  const ofLedger = rows.filter(({ sessionId }) => sessionId === null);
  await addStanding(executor, statements.ofSessions, ofSessions, standing);
  await addStanding(executor, statements.ofLedger, ofLedger, standing);
  return { contradicting: [...standing.contradicting], unsealed: [...standing.unsealed] };
}

interface Found extends PrintedColumns {
  position: number;
  isBelowHead: boolean | null;
  sealedHash: Buffer | null;
}

async function addStanding(
  executor: Executor,
  statement: { name: string; text: string },
  rows: readonly RowRead[],
  standing: { contradicting: Set<number>; unsealed: Set<number> },
): Promise<void> {
  for (let from = 0; from < rows.length; from += rowsAtOnce) {
    const some = rows.slice(from, from + rowsAtOnce);
    const values = [
      some.map(({ seq }) => seq),
      some.map(({ kind }) => kind),
      some.map(({ sessionId }) => sessionId),
      some.map(({ occurredAt }) => occurredAt),
      some.map(({ recordedAt }) => recordedAt),
    ];
    for (const { position, ...found } of await queryRows<Found>(executor, { ...statement, values })) {
      const { seq } = some[position - 1]!;
      if (contradicts(found)) standing.contradicting.add(seq);
      else if (found.sealedHash === null) standing.unsealed.add(seq);
    }
  }
}

function contradicts({ isBelowHead, sealedHash, ...row }: Omit<Found, 'position'>): boolean {
  if (isBelowHead !== true) return false;
  if (row.seq === null || sealedHash === null) return true;
  try {
    return !leafHash(Buffer.from(canonicalEvent(fromPrinted(row)))).equals(sealedHash);
  } catch {
    return true; // a row that no leaf can hold is none that was sealed
  }
}
