import type { clientOf } from '../http/client.js';
import type { AcceptedUse } from './ledger-contradictions.js';

type Api = ReturnType<typeof clientOf>;

/** Opens so many sessions, each of a user of its own, and answers their tokens. */
export async function openedTokens(api: Api, count: number): Promise<string[]> {
  const opened = await Promise.all(
    Array.from({ length: count }, (_, n) => api.post('/v1/sessions', { userId: `user-${n}` })),
  );
  return opened.map(({ body }) => body['token'] as unknown as string);
}

/** One use over HTTP: kept when it was let through; 'gone' when its connection ended without an answer. */
export async function useOnce(api: Api, token: string, accepted: AcceptedUse[]): Promise<'gone' | undefined> {
  let answer;
  try {
    answer = await api.post('/v1/sessions/use', { token });
  } catch {
    return 'gone'; // the connection ended with its process: no answer, so nothing was let through
  }
  const { active, session } = answer.body as unknown as {
    active?: boolean;
    session?: { sessionId: string; lastUsedAt: string };
  };
  if (active === true) accepted.push({ sessionId: session!.sessionId, at: session!.lastUsedAt });
  return undefined;
}
