import { setTimeout as pause } from 'node:timers/promises';
import { SessionLedgerError } from '../errors.js';
import type { LoginState } from '../query/login-state-at.js';
import type { DemoService } from './demo-service.js';

/** The database's now, which a question without an instant is about. */
export async function databaseNow(service: DemoService): Promise<string> {
  return (await ask(service)).at;
}

/** Waits until an answer about an instant is settled and sealed: the horizon and the sealer pass it within about a second. */
export async function untilSealed(service: DemoService, at: string): Promise<void> {
  const attempts = 100;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const { settled, sealed } = await ask(service, at);
    if (settled && sealed) return;
    await pause(100);
  }
  throw new SessionLedgerError('ERR_INTERNAL', 'the horizon or the seals do not move; no answer can settle');
}

/** Waits until the job that runs about once a second has written that a session expired; answers do not need it. */
export async function untilExpired(service: DemoService, sessionId: string): Promise<void> {
  const attempts = 100;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const { items } = (await service.get(`/v1/sessions/${sessionId}/events`)) as { items: { kind: string }[] };
    if (items.at(-1)?.kind === 'expired') return;
    await pause(100);
  }
  throw new SessionLedgerError('ERR_INTERNAL', 'no job writes down that sessions expired');
}

async function ask(service: DemoService, at?: string): Promise<LoginState> {
  return (await service.post('/v1/login-state', { userId: 'nobody', at, caseId: 'demonstration' })) as LoginState;
}
