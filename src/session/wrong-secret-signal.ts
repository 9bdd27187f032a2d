import { LRUCache } from 'lru-cache';

const quietMs = 60_000;
const rememberedSessions = 10_000;

/** Lets one wrong secret per session and minute be news. Session ids are public: without the cap anyone could raise alarms by the thousand. */
export class WrongSecretSignal {
  private readonly lastAtMs = new LRUCache<string, number>({ max: rememberedSessions });

  isNews(sessionId: string, nowMs: number): boolean {
    const last = this.lastAtMs.get(sessionId);
    if (last !== undefined && nowMs - last < quietMs) {
      return false;
    }
    this.lastAtMs.set(sessionId, nowMs);
    return true;
  }
}
