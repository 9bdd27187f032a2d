import type { Instant } from '../ledger/instant.js';
import type { Executor } from '../ledger/named-query.js';
import type { UserInRealm } from '../ledger/session-event.js';
import type { Scope } from './asking.js';
import {
  applicationsCovered,
  longestSecondsAt,
  readCoverage,
  type Coverage,
  type CoveredApplication,
} from './coverage.js';
import { instantShape, readCursor, uuidShape, writeCursor } from './cursor.js';
import { ComparedPage, type SealedAnswer } from './compared-page.js';
import { inOrder, type Evidence } from './evidence.js';
import type { SubjectPlace } from './openings-at.js';
import type { Page } from './page.js';
import { ownSession, sessionsAt, type SessionAt } from './sessions-at.js';
import { placeOf, stretchOfUsers, type UserFound } from './stretch-of-users.js';
import { refuseFuture, refuseUnsettled } from './times-asked.js';
import { verdictAt, type UnknownReason } from './verdict.js';

/** A question about everyone, after its texts were read. */
export interface EveryoneAsked {
  readonly scope: Scope;
  /** Null: the database's now. */
  readonly at: Instant | null;
  readonly knownAt: Instant | null;
  readonly after: string | undefined;
  readonly limit: number;
}

/** A user with the sessions, none of them an impersonation, that were live at the instant; the newest first. */
export interface LoggedInUser extends UserInRealm {
  sessions: SessionAt[];
  /** What these sessions rest on, in the order of the ledger. */
  evidence: Evidence[];
}

/** A page of everyone logged in at an instant. */
export interface LoggedInPage extends Page<LoggedInUser>, SealedAnswer {
  at: Instant;
  knownAt: Instant | null;
  /** Whether the whole list is final. */
  settled: boolean;
  /** Null: whoever is neither on the list nor unknown was not logged in. Else why the ledger cannot know that. */
  absenceUnknown: UnknownReason | null;
  /** Users among those of this page of whom the ledger cannot know, because a row that decides is not what was sealed. */
  unknown: UserInRealm[];
  applications: CoveredApplication[];
}

const everything = '9999-12-31T23:59:59.999999Z' as Instant;
const nobody: SubjectPlace = { bucket: -1, subjectId: '00000000-0000-0000-0000-000000000000' };

/**
 * Everyone logged in at the instant, by pages in an order of the ledger's own. A page may have fewer users than asked for, or none, with
 * another one behind it (stretch-of-users.ts). Later pages answer for the instant of the first one. A settled list needs no holding; one
 * that is not is held to what the ledger said when it was begun.
 *
 * @throws SessionLedgerError ERR_INSTANT_IN_FUTURE, ERR_NOT_SETTLED, ERR_INVALID_CURSOR
 */
export async function loggedInAt(executor: Executor, asked: EveryoneAsked, askedAt: Instant): Promise<LoggedInPage> {
  const { scope, knownAt, after, limit } = asked;
  const question = ['logged_in_at', scope.realm, scope.applications, asked.at, knownAt];
  const cursor = after === undefined ? null : readCursor(after, question, [instantShape, uuidShape]);
  const [begunAt, lastSubjectId] = cursor?.place ?? [];
  const at = asked.at ?? (begunAt as Instant | undefined) ?? askedAt;
  refuseFuture(at, askedAt, 'at');
  const coverage = await readCoverage(executor, knownAt, scope.applications);
  refuseUnsettled(knownAt, coverage.horizon);
  const heldTo = cursor?.knownAt ?? knownAt ?? (at <= coverage.horizon ? everything : coverage.readAt);
  // A list that was begun before its instant was settled stays held to what the ledger said then.
  const settled = at <= coverage.horizon && (heldTo === everything || heldTo === knownAt);
  const terms = { knownAt: heldTo, applications: scope.applications };
  const behind = lastSubjectId === undefined ? nobody : placeOf(lastSubjectId);
  const everyone = { realm: scope.realm, at, longestSeconds: longestSecondsAt(coverage, at), after: behind };
  const { users, passedOver, upTo } = await stretchOfUsers(executor, everyone, limit, terms);
  const compared = new ComparedPage(executor);
  const items = await withSessions(executor, users, { realm: scope.realm, at, knownAt: heldTo }, compared);
  await compared.passOver(passedOver);
  await compared.add(coverage.events);
  return {
    items: items.filter(({ sessions }) => sessions.length > 0),
    next: upTo === null ? null : writeCursor(question, { knownAt: heldTo, place: [at, upTo.subjectId] }),
    at,
    knownAt,
    settled,
    absenceUnknown: whyAbsenceIsUnknown(at, coverage, compared.hasMisattributed || compared.hasBroken(coverage.events)),
    unknown: compared.unknownBeside(items),
    applications: applicationsCovered(coverage, at),
    ...(settled ? await compared.sealed(at) : compared.unsealed()),
  };
}

function whyAbsenceIsUnknown(at: Instant, coverage: Coverage, isBroken: boolean): UnknownReason | null {
  const { answer, reason } = verdictAt(at, coverage, { isLive: false, isBroken, isStranger: false });
  return answer === 'unknown' ? (reason as UnknownReason) : null;
}

/** The users with those of their sessions whose rows can be believed; some may be left with none. */
async function withSessions(
  executor: Executor,
  users: readonly UserFound[],
  { realm, at, knownAt }: { realm: string; at: Instant; knownAt: Instant },
  compared: ComparedPage,
): Promise<LoggedInUser[]> {
  const sessionIds = users.flatMap(({ openings }) => [...openings.keys()]);
  const facts = await sessionsAt(executor, sessionIds, at, knownAt);
  const byId = new Map(facts.map((found) => [found.session.sessionId, found]));
  await compared.add(
    facts.flatMap(({ evidence }) => evidence),
    users.flatMap((user) => renewalsWithoutOpening(user, byId)),
  );
  await compared.addMisattributed(facts.flatMap(({ misattributed }) => misattributed ?? []));
  return users.map(({ userId, openings }) => {
    const sessions = [...openings.keys()].flatMap((sessionId) => byId.get(sessionId) ?? []);
    const newestFirst = sessions.sort((a, b) => (a.session.createdAt < b.session.createdAt ? 1 : -1));
    const believed = newestFirst.filter(({ evidence }) => !compared.hasBroken(evidence));
    return {
      userId,
      realm,
      sessions: believed.map(ownSession),
      evidence: inOrder(believed.flatMap(({ evidence }) => evidence)),
    };
  });
}

/** Of sessions that are live, and of which nothing is known but that they were renewed: their openings are gone. */
function renewalsWithoutOpening({ openings }: UserFound, known: ReadonlyMap<string, unknown>): Evidence[] {
  return [...openings].flatMap(([sessionId, opening]) => (known.has(sessionId) ? [] : [opening]));
}
