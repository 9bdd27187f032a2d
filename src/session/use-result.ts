import type { LiveSession } from './live-session.js';

/**
 * Why a token was not accepted. `ended`, `replaced` and `expired` are said only to the bearer of the right secret: they
 * are the cases in which it is this very session that is over. `replaced` stands apart because the browser that held it
 * has been given another session: its cookie is no longer this one's. None of it leaves the guard or the service.
 *
 * @example
 * if (!result.active && result.why === 'expired') {}
 */
export type RefusalReason = 'malformed' | 'unknown' | 'wrong_secret' | 'ended' | 'replaced' | 'expired';

/** What came of presenting a token. An answer, not an error: only a use that could not be judged throws. */
export type UseResult =
  { readonly active: true; readonly session: LiveSession } | { readonly active: false; readonly why: RefusalReason };
