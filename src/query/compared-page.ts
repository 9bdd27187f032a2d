import type { Instant } from '../ledger/instant.js';
import type { Executor } from '../ledger/named-query.js';
import type { UserInRealm } from '../ledger/session-event.js';
import { checkpointOver, type SealedBy } from '../seal/checkpoint-over.js';
import type { RowRead } from '../seal/proof-of-rows.js';
import { compareWithSeals, type ComparedRows } from './compared-with-seals.js';
import type { SessionPassedOver } from './stretch-of-users.js';

/** How what was answered stands to the seals. */
export interface SealedAnswer {
  /** Events that are not what was sealed, or not of the user that is named; what rests on them is unknown. */
  contradicting: number[];
  /** Whether a published checkpoint covers everything that was answered. */
  sealed: boolean;
  /** Null: not sealed yet. */
  checkpoint: SealedBy | null;
}

/** All that one page of a list rests on beside its seals, compared piece by piece: of what is intact only the end is kept. */
export class ComparedPage {
  private readonly broken = new Set<number>();
  private readonly passedOver = new Map<string, UserInRealm>();
  private areAllSealed = true;
  private areAllOfTheirUsers = true;
  private lastSeq = 0;

  constructor(private readonly executor: Executor) {}

  /** @param contradicted rows that cannot be believed though they are what was sealed. */
  async add(rows: readonly RowRead[], contradicted: readonly RowRead[] = []): Promise<ComparedRows> {
    const compared = await compareWithSeals(this.executor, rows, contradicted);
    for (const seq of compared.contradicting) this.broken.add(seq);
    this.areAllSealed &&= compared.areSealed(rows);
    for (const { seq } of rows) this.lastSeq = Math.max(this.lastSeq, seq);
    return compared;
  }

  /** Openings that were recorded for other users than their subjects' rows name. */
  async addMisattributed(openings: readonly RowRead[]): Promise<void> {
    if (openings.length === 0) return;
    this.areAllOfTheirUsers = false;
    await this.add(openings, openings);
  }

  /** Rows by which users are not on the page: of whom one contradicts its seal, nobody can know that. */
  async passOver(sessions: readonly SessionPassedOver[]): Promise<void> {
    await this.add(sessions.flatMap(({ rows }) => rows));
    await this.addMisattributed(sessions.flatMap(({ misattributed }) => misattributed ?? []));
    for (const { user, rows } of sessions) if (this.hasBroken(rows)) this.passedOver.set(user.userId, user);
  }

  hasBroken(rows: readonly { readonly seq: number }[]): boolean {
    return this.broken.size > 0 && rows.some(({ seq }) => this.broken.has(seq));
  }

  /** Whose sessions some of these are, nobody can know: anybody's. */
  get hasMisattributed(): boolean {
    return !this.areAllOfTheirUsers;
  }

  /** Who was passed over, or is left without a session, for a row that contradicts its seal; a session that is not beats it. */
  unknownBeside(items: readonly (UserInRealm & { sessions: readonly unknown[] })[]): UserInRealm[] {
    const unknown = new Map(this.passedOver);
    for (const { userId, realm, sessions } of items) {
      if (sessions.length > 0) unknown.delete(userId);
      else unknown.set(userId, { userId, realm });
    }
    return [...unknown.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1));
  }

  /** In the order of the ledger. */
  get contradicting(): number[] {
    return [...this.broken].sort((a, b) => a - b);
  }

  /**
   * How the whole page stands to the seals.
   *
   * @param upTo where the page rests on the absence of others: the instant up to which everything has to be sealed.
   */
  async sealed(upTo: Instant | null): Promise<SealedAnswer> {
    const checkpoint = this.areAllSealed ? await checkpointOver(this.executor, [{ seq: this.lastSeq }], upTo) : null;
    return { contradicting: this.contradicting, sealed: checkpoint !== null, checkpoint };
  }

  /** Of a page that more events may still come for. */
  unsealed(): SealedAnswer {
    return { contradicting: this.contradicting, sealed: false, checkpoint: null };
  }
}
