import { Logger } from '@nestjs/common';
import type { UseObserver } from '../session/use-observer.js';

/** What is heard of uses where the application does not listen itself: the one signal that somebody should look at goes to the log. */
export class LoggedSignals implements UseObserver {
  private readonly logger = new Logger('SessionLedger');

  useAccepted(): void {
    // Every request would write a line.
  }

  batchRecorded(): void {
    // As would every few requests.
  }

  useRefused(): void {
    // The guard answers 401: an everyday event.
  }

  useNotRecorded(): void {
    // The guard answers 503, and what is wrong with the database the background work reports once, not per request.
  }

  wrongSecretPresented(sessionId: string): void {
    this.logger.warn(
      `a wrong secret came for session ${sessionId}: a guess, or an old token after a renewal, which means theft`,
    );
  }
}
