import type { Response, Test } from 'supertest';
import type { RunningBank } from './running-bank.js';

export const cookieName = '__Host-session';
export const fromHere = { 'Sec-Fetch-Site': 'same-origin' };

export interface SessionEventRow {
  kind: string;
  reason: string | null;
  expires_at: Date | null;
}

/** What a person's browser does at the bank, with the cookie named in each call. */
export interface Browser {
  login(userId: string, token?: string): Promise<{ token: string; sessionId: string }>;
  get(path: string, token: string): Test;
  post(path: string, token: string): Test;
  /** Not the browser's: what the ledger has on a session, in order. */
  eventsOf(sessionId: string): Promise<SessionEventRow[]>;
}

export function browserOf(bank: RunningBank): Browser {
  return {
    login: async (userId, token) => {
      const sent = bank.http.post('/login').set(fromHere);
      if (token !== undefined) void sent.set('Cookie', `${cookieName}=${token}`);
      const response = await sent.send({ userId }).expect(201);
      return { token: tokenOf(response), sessionId: (response.body as { sessionId: string }).sessionId };
    },
    get: (path, token) => bank.http.get(path).set('Cookie', `${cookieName}=${token}`),
    post: (path, token) => bank.http.post(path).set(fromHere).set('Cookie', `${cookieName}=${token}`),
    eventsOf: (sessionId) =>
      bank.rows<SessionEventRow>(
        'SELECT kind, reason, expires_at FROM session_ledger.event WHERE session_id = $1 ORDER BY session_seq',
        [sessionId],
      ),
  };
}

/** The token in the cookie that a response sets; empty where it clears the cookie or sets none. */
export function tokenOf(response: Response | undefined): string {
  const cookies = (response?.headers['set-cookie'] ?? []) as unknown as string[];
  return (
    cookies.map((cookie) => /^__Host-session=([^;]*)/.exec(cookie)?.[1]).find((token) => token !== undefined) ?? ''
  );
}
