import { setTimeout as pause } from 'node:timers/promises';
import { hasEnded, stopPostmaster, type Postmaster } from './postmaster.js';

/** Starts the cluster's server again, on the port it had; gives up when the signal says so. */
export type Relaunch = (port: number, signal: AbortSignal) => Promise<Postmaster>;

const lookEveryMs = 250;
const firstPauseMs = 250;
const longestPauseMs = 30_000;
// A server that lived this long had no reason of its own to end: the next end is not one of a series.
const steadyMs = 60_000;

/**
 * A server that is kept running: when it ends without having been told to (killed for want of memory, by an operator's
 * mistake, by a fault of its own), it is started again on the same port, and PostgreSQL recovers what was committed.
 * Connections are refused meanwhile, and their owners make new ones.
 */
export class KeptPostmaster {
  private readonly stopping = new AbortController();
  private readonly watch: Promise<void>;

  constructor(
    private postmaster: Postmaster,
    private readonly relaunch: Relaunch,
    private readonly log: (line: string) => void,
  ) {
    this.watch = this.keepRunning();
  }

  /** Stops the server, or the attempt to start it again. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.watch;
    await stopPostmaster(this.postmaster);
  }

  private async keepRunning(): Promise<void> {
    const { signal } = this.stopping;
    let [startedAt, pauseMs] = [performance.now(), firstPauseMs];
    while (await this.paused(lookEveryMs)) {
      if (!(await this.isGone())) continue;
      if (performance.now() - startedAt > steadyMs) pauseMs = firstPauseMs;
      this.log(`PostgreSQL (process ${this.postmaster.pid}) has ended without being told to; starting it again`);
      while (await this.paused(pauseMs)) {
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
        // A second server beside one that lives would be the worst that a wrong look could do.
        if (!(await this.isGone())) break;
        try {
          this.postmaster = await this.relaunch(this.postmaster.port, signal);
          this.log(`PostgreSQL runs again (process ${this.postmaster.pid})`);
          break;
        } catch (failure) {
          if (!signal.aborted) this.log(`${(failure as Error).message}\nTrying again in ${pauseMs / 1000} s`);
        }
      }
      startedAt = performance.now();
    }
  }

  /** Where it cannot be seen, for want of file descriptors or memory, nothing is known, and the next look will tell. */
  private async isGone(): Promise<boolean> {
    return hasEnded(this.postmaster).catch(() => false);
  }

  /** False once it is to stop. The watch alone keeps no process alive. */
  private async paused(milliseconds: number): Promise<boolean> {
    const { signal } = this.stopping;
    await pause(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
    return !signal.aborted;
  }
}
