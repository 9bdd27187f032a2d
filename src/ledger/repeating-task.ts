import { setTimeout as sleep } from 'node:timers/promises';

/** What to repeat, and how often. */
export interface RepeatingTaskOptions {
  /** Milliseconds between the end of one run and the start of the next. */
  everyMs: number;
  /** Milliseconds after a run that failed; `everyMs` when omitted. */
  afterFailureMs?: number;
  /** One run. `stopping` is aborted when the task is stopped; a run that may take long should watch it. */
  run: (stopping: AbortSignal) => Promise<void>;
  /** Told of every run that failed; the task goes on. */
  onFailure: (failure: unknown) => void;
}

/** Background work of an instance: one run at a time, at once and then at intervals, until stopped. */
export class RepeatingTask {
  #stopping: AbortController | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(private readonly options: RepeatingTaskOptions) {}

  /** Starts the task; does nothing when it runs already. */
  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    this.#ended = this.#repeat(this.#stopping.signal);
  }

  /** Stops the task, and resolves when a run under way has ended. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    await this.#ended;
    this.#stopping = undefined;
  }

  async #repeat(stopping: AbortSignal): Promise<void> {
    const { everyMs, afterFailureMs = everyMs } = this.options;
    while (!stopping.aborted) {
      const hasFailed = await this.#runOnce(stopping);
      await pause(hasFailed ? afterFailureMs : everyMs, stopping);
    }
  }

  async #runOnce(stopping: AbortSignal): Promise<boolean> {
    try {
      await this.options.run(stopping);
      return false;
    } catch (failure) {
      // A run that was cut short by stopping has not failed.
      if (!stopping.aborted) this.options.onFailure(failure);
      return true;
    }
  }
}

async function pause(milliseconds: number, stopping: AbortSignal): Promise<void> {
  try {
    // Unreferenced: a library's background work must not keep the application's process alive.
    await sleep(milliseconds, undefined, { signal: stopping, ref: false });
  } catch (interruption) {
    if (!stopping.aborted) throw interruption;
  }
}
