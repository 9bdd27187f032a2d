import { NestFactory } from '@nestjs/core';
import type { SessionLedgerError } from '../../src/errors.js';
import type { Instant } from '../../src/ledger/instant.js';
import { LoginHistory } from '../../src/query/login-history.js';
import { Sessions } from '../../src/session/sessions.js';
import { SessionLedgerModule } from '../../src/session-ledger.module.js';
import type { SessionLedgerOptions } from '../../src/session-ledger.options.js';

/** An instance of an application with the ledger in it, background work and all. */
export interface RunningInstance {
  readonly sessions: Sessions;
  readonly history: LoginHistory;
  /** Codes of uses that were not recorded, as the observer hears them. */
  readonly notRecorded: string[];
  /** The latest horizon that the instance has seen. */
  knownUntil(): Instant | undefined;
  stop(): Promise<void>;
}

/** Starts an instance; it migrates when it is the first. */
export async function startInstance(
  url: string,
  options: Partial<SessionLedgerOptions> = {},
): Promise<RunningInstance> {
  const notRecorded: string[] = [];
  const module = SessionLedgerModule.forRoot({
    database: { url },
    migrate: true,
    instance: 'web-1',
    application: 'web',
    uses: { maxWaitMs: 2_000 },
    observer: {
      useAccepted: () => undefined,
      batchRecorded: () => undefined,
      useRefused: () => undefined,
      useNotRecorded: (code: SessionLedgerError['code']) => notRecorded.push(code),
      wrongSecretPresented: () => undefined,
    },
    ...options,
  });
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  return {
    sessions: app.get(Sessions, { strict: false }),
    history: app.get(LoginHistory, { strict: false }),
    notRecorded,
    knownUntil: () => app.get(SessionLedgerModule, { strict: false })['connections'].known.until,
    stop: () => app.close(),
  };
}
