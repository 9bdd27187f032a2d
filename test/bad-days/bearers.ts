import { setTimeout as sleep } from 'node:timers/promises';
import type { Sessions } from '../../src/session/sessions.js';
import { present, type AcceptedUse } from './ledger-contradictions.js';

/** What the bearers of sessions were told. */
export interface ToldBearers {
  readonly accepted: AcceptedUse[];
  /** Sessions whose opening, or whose revocation, was confirmed. */
  readonly opened: string[];
  readonly revoked: string[];
  /** Codes of what was not recorded, and how often. */
  readonly notRecorded: Record<string, number>;
  /** Uses refused although their session had not been revoked, by reason. */
  readonly refused: Record<string, number>;
  /** Uses let through although they were sent after the revocation of their session had returned. */
  late: number;
}

const usesPerSession = 60;
const pauseAfterFailureMs = 10;

/**
 * Users who log in, use their session, log out and try the token once more, over and over. Whatever fails is tried
 * again, as an application's clients do, and counted.
 */
export class Bearers {
  readonly told: ToldBearers = { accepted: [], opened: [], revoked: [], notRecorded: {}, refused: {}, late: 0 };
  private isOver = false;
  private readonly all: Promise<void>;

  constructor(
    private readonly instances: readonly Sessions[],
    count: number,
  ) {
    this.all = Promise.all(Array.from({ length: count }, (_, n) => this.live(n))).then(() => undefined);
  }

  /** Resolves when so many more uses have been let through: how long that takes is the machine's affair. */
  async untilAccepted(more: number): Promise<void> {
    const enough = this.told.accepted.length + more;
    while (this.told.accepted.length < enough) await sleep(10);
  }

  /** Resolves when every bearer has logged out. */
  async stop(): Promise<ToldBearers> {
    this.isOver = true;
    await this.all;
    return this.told;
  }

  private async live(n: number): Promise<void> {
    for (let round = 0; !this.isOver; round += 1) {
      const instance = this.instances[(n + round) % this.instances.length]!;
      const opened = await this.untilRecorded(
        () => instance.open({ userId: `bearer-${n}` }),
        () => this.isOver,
      );
      if (opened === undefined) return;
      const { sessionId } = opened.session;
      this.told.opened.push(sessionId);
      for (let use = 0; use < usesPerSession && !this.isOver; use += 1) await this.use(instance, opened.token);
      const ended = await this.untilRecorded(
        () => instance.revoke(sessionId, { reason: 'logout' }),
        () => false,
      );
      if (ended!.revoked === 1) this.told.revoked.push(sessionId);
      for (const other of this.instances) {
        if ('accepted' in (await present(other, opened.token))) this.told.late += 1;
      }
    }
  }

  private async use(instance: Sessions, token: string): Promise<void> {
    const outcome = await present(instance, token);
    if ('accepted' in outcome) {
      this.told.accepted.push(outcome.accepted);
      return;
    }
    if ('refused' in outcome) this.told.refused[outcome.refused] = (this.told.refused[outcome.refused] ?? 0) + 1;
    else await this.afterFailure(outcome.notRecorded);
  }

  private async untilRecorded<Result>(
    change: () => Promise<Result>,
    isGivenUp: () => boolean,
  ): Promise<Result | undefined> {
    while (!isGivenUp()) {
      try {
        return await change();
      } catch (failure) {
        await this.afterFailure((failure as { code: string }).code);
      }
    }
    return undefined;
  }

  private async afterFailure(code: string): Promise<void> {
    this.told.notRecorded[code] = (this.told.notRecorded[code] ?? 0) + 1;
    await sleep(pauseAfterFailureMs);
  }
}
