import type { Executor } from '../ledger/named-query.js';
import { tellOfBrokenSeals } from '../seal/proof-broken.js';
import { sealStanding, type RowRead } from '../seal/proof-of-rows.js';

const mostNamed = 20;

/** Rows of an answer beside their seals. */
export class ComparedRows {
  constructor(
    private readonly broken: ReadonlySet<number>,
    private readonly unsealed: ReadonlySet<number>,
  ) {}

  /** Nobody can know from such a row what happened. */
  isBroken({ seq }: { readonly seq: number }): boolean {
    return this.broken.has(seq);
  }

  hasBroken(rows: readonly { readonly seq: number }[]): boolean {
    return this.broken.size > 0 && rows.some((row) => this.isBroken(row));
  }

  areSealed(rows: readonly { readonly seq: number }[]): boolean {
    return rows.every(({ seq }) => !this.unsealed.has(seq) && !this.broken.has(seq));
  }

  and(other: ComparedRows): ComparedRows {
    return new ComparedRows(new Set([...this.broken, ...other.broken]), new Set([...this.unsealed, ...other.unsealed]));
  }

  /** In the order of the ledger. */
  get contradicting(): number[] {
    return [...this.broken].sort((a, b) => a - b);
  }
}

/**
 * Rows that were found to be what was sealed, so that a list of questions about the same sessions compares each of their rows
 * once. Bounded: a list has no end.
 */
export class IntactRows {
  static readonly most = 100_000;
  private readonly rows = new Map<number, RowRead>();

  /** By its whole place, since a forged row may carry the number of a genuine one. */
  has(row: RowRead): boolean {
    const known = this.rows.get(row.seq);
    return known !== undefined && isSamePlace(known, row);
  }

  add(row: RowRead): void {
    if (this.rows.size >= IntactRows.most) this.rows.clear();
    this.rows.set(row.seq, row);
  }
}

/**
 * Compares the rows that an answer rests on with their seals, each once. Whoever runs the ledger has to hear of one that contradicts:
 * the alarm names the events.
 *
 * @param contradicted rows that are what was sealed and yet cannot be believed, since other rows are not what they say: an opening that
 * was recorded for another user than its subject's row names.
 * @param intact rows of earlier answers that need not be compared again, and to be added to.
 */
export async function compareWithSeals(
  executor: Executor,
  rows: Iterable<RowRead>,
  contradicted: readonly RowRead[] = [],
  intact: IntactRows = new IntactRows(),
): Promise<ComparedRows> {
  const asked = new Map<number, RowRead>();
  const namesakes: RowRead[] = [];
  for (const row of rows) {
    if (intact.has(row)) continue;
    const other = asked.get(row.seq);
    if (other === undefined) asked.set(row.seq, row);
    else if (!isSamePlace(other, row)) namesakes.push(row);
  }
  const { contradicting: changed, unsealed } = await sealStanding(executor, [...asked.values(), ...namesakes]);
  const contradicting = [...new Set([...changed, ...contradicted.map(({ seq }) => seq)])];
  if (contradicting.length > 0) {
    tellOfBrokenSeals(contradicting);
    await raiseAlarm(contradicting);
  }
  const compared = new ComparedRows(new Set(contradicting), new Set(unsealed));
  for (const row of asked.values()) if (compared.areSealed([row])) intact.add(row);
  return compared;
}

function isSamePlace(one: RowRead, other: RowRead): boolean {
  return (
    one.sessionId === other.sessionId && one.occurredAt === other.occurredAt && one.recordedAt === other.recordedAt
  );
}

/** Where the application's own log is kept. Nest is loaded for it when it is not: the command line starts without. */
async function raiseAlarm(contradicting: readonly number[]): Promise<void> {
  const { Logger } = await import('@nestjs/common');
  const named = [...contradicting].sort((a, b) => a - b).slice(0, mostNamed);
  const others = contradicting.length - named.length;
  new Logger('SessionLedger').error(
    `events ${named.join(', ')}${others > 0 ? ` and ${others} more` : ''} are not what was sealed, or not of the user that is named: they or their users were changed in the database. Answers that rest on them are unknown; run "session-ledger verify"`,
  );
}
