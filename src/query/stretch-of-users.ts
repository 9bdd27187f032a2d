import type { Executor } from '../ledger/named-query.js';
import type { UserInRealm } from '../ledger/session-event.js';
import type { Evidence } from './evidence.js';
import type { Terms } from './login-states.js';
import { openingsAt, type EveryoneAt, type OpeningAt, type SubjectPlace } from './openings-at.js';

/** A user of whom sessions of their own were live. */
export interface UserFound {
  readonly subjectId: string;
  readonly userId: string;
  /** The latest opening or renewal of each live session, by the session. */
  readonly openings: Map<string, Evidence>;
}

/** A session that could have made its user logged in at an instant and did not, and the rows that say so. */
export interface SessionPassedOver {
  readonly user: UserInRealm;
  readonly rows: Evidence[];
  /** Its opening, where that was recorded for another user than the subject's row names. */
  readonly misattributed: Evidence | null;
}

/** A stretch of all users, in the order of the index event_subject. */
export interface StretchOfUsers {
  readonly users: readonly UserFound[];
  readonly passedOver: readonly SessionPassedOver[];
  /** The last user that it takes in; null: there is nobody behind it. */
  readonly upTo: SubjectPlace | null;
}

/** Of so many sessions that were not live, one page is made; the users behind them are for the next one. */
const mostPassedOver = 20_000;

/**
 * The users behind a place who were logged in at an instant, and what shows that the others were not. It ends before the first user
 * too many, or with the user in whose sessions it has passed over so many that reading on is for another page: then with fewer users than
 * asked for, perhaps with none.
 */
export async function stretchOfUsers(
  executor: Executor,
  everyone: EveryoneAt,
  limit: number,
  terms: Terms,
): Promise<StretchOfUsers> {
  const users: UserFound[] = [];
  const passedOver: SessionPassedOver[] = [];
  let ofUsers = 0;
  let last: string | undefined;
  for await (const piece of openingsAt(executor, everyone, terms, 2 * limit)) {
    for (const found of piece) {
      const { subjectId } = found;
      if (last !== undefined && last !== subjectId && passedOver.length >= mostPassedOver)
        return { users, passedOver, upTo: placeOf(last) };
      last = subjectId;
      const user = users.at(-1);
      if (!found.isLive || found.isImpersonation) passedOver.push(sessionPassedOver(found, everyone.realm));
      else if (user?.subjectId === subjectId) user.openings.set(found.sessionId, found.opening);
      else if (user !== undefined && users.length === limit)
        return { users, passedOver: passedOver.slice(0, ofUsers), upTo: placeOf(user.subjectId) };
      else users.push({ subjectId, userId: found.userId, openings: new Map([[found.sessionId, found.opening]]) });
      if (users.at(-1)?.subjectId === subjectId) ofUsers = passedOver.length;
    }
  }
  return { users, passedOver, upTo: null };
}

/** The place of a subject in the index. */
export function placeOf(subjectId: string): SubjectPlace {
  return { bucket: Number.parseInt(subjectId.slice(-2), 16) & 63, subjectId };
}

/** That a session is live and yet somebody else's is said by its opening; whose it is, too. */
function sessionPassedOver(found: OpeningAt, realm: string): SessionPassedOver {
  const { userId, isLive, isOfSubject, opening, decided } = found;
  return {
    user: { userId, realm },
    rows: isLive || !isOfSubject ? [opening, decided] : [decided],
    misattributed: isOfSubject ? null : opening,
  };
}
