import type { LiveSession } from '../session/live-session.js';

/**
 * Loads what the application knows about the user of a session: roles, an account's state. It is asked at every
 * guarded request and nothing is kept, so that a demotion acts at the next request.
 *
 * Nobody (`null`, or `undefined` as `Map.get` and `Array.find` say it) refuses the request with 401: the account is
 * gone, or must not act.
 *
 * @example
 * \@Injectable()
 * class AccountLoader implements SubjectLoader<Account> {
 *   constructor(private readonly accounts: Accounts) {}
 *   load(session: LiveSession): Promise<Account | null> {
 *     return this.accounts.findActive(session.userId);
 *   }
 * }
 */
export interface SubjectLoader<Subject = unknown> {
  load(session: LiveSession): Promise<Subject | null | undefined>;
}
