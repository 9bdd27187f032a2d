import type { DataSource, EntityManager } from 'typeorm';
import type { Sessions } from '../../src/session/sessions.js';
import { present, type AcceptedUse } from './ledger-contradictions.js';

/** What the callers of random operations were told, taken together. */
export interface Told {
  readonly accepted: AcceptedUse[];
  /** Sessions whose opening or revocation has committed, and sessions of openings that were rolled back. */
  readonly opened: string[];
  readonly revoked: string[];
  readonly undone: string[];
  /** Uses accepted although they were sent after the revocation of their session had returned. */
  late: number;
  /** How often each operation, and each refusal, came about. */
  readonly counts: Record<string, number>;
}

interface HeldToken {
  token: string;
  readonly sessionId: string;
  readonly userId: string;
}

/** A generator of numbers below 1 that repeats itself for the same seed (mulberry32): a failure can be run again. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Callers of several instances that open, use, renew and revoke sessions of the same few users, in random order. */
export class RandomOperations {
  readonly told: Told = { accepted: [], opened: [], revoked: [], undone: [], late: 0, counts: {} };
  private readonly held: HeldToken[] = [];
  private readonly endedSessions = new Set<string>();

  /** @param application the application's own pool, whose transactions openings and revocations join. */
  constructor(
    private readonly instances: readonly Sessions[],
    private readonly application: DataSource,
    private readonly users: number,
    private readonly random: () => number,
  ) {}

  /** Runs `callers` at once until the time is over. */
  async run(callers: number, milliseconds: number): Promise<void> {
    const until = performance.now() + milliseconds;
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (performance.now() < until) await this.operate();
      }),
    );
  }

  private async operate(): Promise<void> {
    const dice = this.random();
    if (dice < 0.77) return this.use();
    if (dice < 0.83) return this.attempt('open', () => this.open());
    if (dice < 0.89) return this.attempt('renew', () => this.renew());
    if (dice < 0.92) return this.attempt('revoke', () => this.revoke());
    if (dice < 0.93) return this.attempt('revoke all', () => this.revokeAll());
    return this.attempt('join', () => this.join());
  }

  private async use(): Promise<void> {
    const held = this.anyHeld();
    if (held === undefined) return;
    const isOver = this.endedSessions.has(held.sessionId);
    const outcome = await present(this.anyInstance(), held.token);
    if ('accepted' in outcome) {
      this.count('accepted');
      this.told.accepted.push(outcome.accepted);
      if (isOver) this.told.late += 1;
    } else {
      this.count('refused' in outcome ? `refused ${outcome.refused}` : outcome.notRecorded);
      if ('refused' in outcome && this.random() < 0.7) this.letGo(held);
    }
  }

  private async open(manager?: EntityManager): Promise<HeldToken> {
    const userId = this.anyUser();
    const replaced = this.random() < 0.2 ? this.held.find((held) => held.userId === userId) : undefined;
    const { token, session } = await this.anyInstance().open(
      { userId, ...(replaced === undefined ? {} : { replaces: replaced.token }) },
      { manager },
    );
    const opened = { token, sessionId: session.sessionId, userId };
    if (manager === undefined) this.keep(opened);
    return opened;
  }

  private async renew(): Promise<void> {
    const held = this.anyHeld();
    if (held === undefined) return;
    const isFresh = this.random() < 0.3;
    held.token = (await this.anyInstance().renew(held.token, isFresh ? { amr: ['pwd'] } : {})).token;
  }

  private async revoke(manager?: EntityManager): Promise<string | undefined> {
    const held = this.anyHeld();
    if (held === undefined) return undefined;
    const { revoked } = await this.anyInstance().revoke(held.sessionId, { reason: 'logout' }, { manager });
    if (manager === undefined) this.hasEnded(held.sessionId, revoked);
    return revoked === 1 ? held.sessionId : undefined;
  }

  private async revokeAll(): Promise<void> {
    const userId = this.anyUser();
    const before = this.held.filter((held) => held.userId === userId);
    await this.anyInstance().revokeSessions(userId, { reason: 'password_changed' });
    // What had been opened when this was asked for has ended now, by this or otherwise.
    for (const { sessionId } of before) this.endedSessions.add(sessionId);
  }

  /** An application's transaction that opens or revokes, writes a row of its own, and is rolled back half the time. */
  private async join(): Promise<void> {
    const runner = this.application.createQueryRunner();
    try {
      await runner.startTransaction('READ COMMITTED');
      const isOpening = this.random() < 0.6;
      const opened = isOpening ? await this.open(runner.manager) : undefined;
      const revoked = isOpening ? undefined : await this.revoke(runner.manager);
      await runner.query('INSERT INTO account_change DEFAULT VALUES');
      if (this.random() < 0.5) {
        await runner.rollbackTransaction();
        if (opened !== undefined) this.told.undone.push(opened.sessionId);
        return;
      }
      await runner.commitTransaction();
      if (opened !== undefined) this.keep(opened);
      if (revoked !== undefined) this.hasEnded(revoked, 1);
    } catch (failure) {
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      throw failure;
    } finally {
      await runner.release();
    }
  }

  /** Refusals are part of the day; their codes are counted, and the test says which may occur. */
  private async attempt(name: string, operation: () => Promise<unknown>): Promise<void> {
    try {
      await operation();
      this.count(name);
    } catch (failure) {
      this.count((failure as { code?: string }).code ?? String(failure));
    }
  }

  private keep(opened: HeldToken): void {
    this.held.push(opened);
    this.told.opened.push(opened.sessionId);
  }

  private hasEnded(sessionId: string, revoked: number): void {
    this.endedSessions.add(sessionId);
    if (revoked === 1) this.told.revoked.push(sessionId);
  }

  private letGo(held: HeldToken): void {
    const place = this.held.indexOf(held);
    if (place >= 0) this.held.splice(place, 1);
  }

  private count(what: string): void {
    this.told.counts[what] = (this.told.counts[what] ?? 0) + 1;
  }

  private anyUser(): string {
    return `user-${Math.floor(this.random() * this.users)}`;
  }

  private anyInstance(): Sessions {
    return this.instances[Math.floor(this.random() * this.instances.length)]!;
  }

  /** Some are used all the time until the absolute deadline, others hardly ever, so that they lapse idle. */
  private anyHeld(): HeldToken | undefined {
    return this.held[Math.floor(this.random() * this.random() * this.held.length)];
  }
}
