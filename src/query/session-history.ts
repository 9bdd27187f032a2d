import { SessionLedgerError } from '../errors.js';
import type { Instant } from '../ledger/instant.js';
import type { Executor } from '../ledger/named-query.js';
import { eventsOfSession, type PlaceInSession } from '../ledger/read-events.js';
import type { SessionEvent } from '../ledger/session-event.js';
import { publishedCheckpoint } from '../seal/checkpoint-published.js';
import type { Asking } from './asking.js';
import { ComparedPage, type SealedAnswer } from './compared-page.js';
import { instantShape, numberShape, readCursor, uuidShape, writeCursor } from './cursor.js';
import type { Page } from './page.js';
import { comparedSummaries, sessionSummaries, type SessionSummary } from './session-summaries.js';

/**
 * A session id in lower case.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT for what is no UUID.
 */
export function checkedSessionId(text: string): string {
  const sessionId = text.toLowerCase();
  if (uuidShape.test(sessionId)) return sessionId;
  throw new SessionLedgerError('ERR_INVALID_INPUT', 'a session id is a UUID', { field: 'sessionId' });
}

/** What the ledger says of one session. */
export interface OneSession extends SessionSummary, SealedAnswer {}

/**
 * What the ledger says of one session.
 *
 * @throws SessionLedgerError ERR_SESSION_NOT_FOUND for one it never saw, or that the asker may not hear of.
 */
export async function oneSession(
  executor: Executor,
  sessionId: string,
  asking: Asking,
  askedAt: Instant,
): Promise<OneSession> {
  const { items, ...stands } = await comparedSummaries(executor, [sessionId], null, askedAt);
  return { ...heardOf(items, asking), ...stands };
}

/** A page of a session's events; each says whether it is sealed. */
export interface EventsPage extends Page<SessionEvent>, SealedAnswer {}

/**
 * What happened in a session, event by event, oldest first. All pages say what the ledger said when the first one was
 * asked for.
 *
 * @throws SessionLedgerError ERR_SESSION_NOT_FOUND, ERR_INVALID_CURSOR
 */
export async function sessionHistory(
  executor: Executor,
  asked: { sessionId: string; after: string | undefined; limit: number },
  asking: Asking,
  askedAt: Instant,
): Promise<EventsPage> {
  const { sessionId, after, limit } = asked;
  const question = ['session_events', sessionId];
  const cursor = after === undefined ? null : readCursor(after, question, [instantShape, numberShape]);
  const knownAt = cursor?.knownAt ?? askedAt;
  const read = await sessionSummaries(executor, [sessionId], null, askedAt);
  heardOf(
    read.map(({ summary }) => summary),
    asking,
  );
  const place = cursor === null ? {} : { after: placeOf(cursor.place) };
  const events = await eventsOfSession(executor, sessionId, {
    ...place,
    knownAt,
    limit: limit + 1,
  });
  const page = events.slice(0, limit);
  const compared = new ComparedPage(executor);
  const rows = await compared.add(page);
  const publishedUpTo = (await publishedCheckpoint(executor))?.lastSeq ?? 0;
  const last = page.at(-1);
  return {
    items: page.map((event) => ({ ...event, sealed: event.seq <= publishedUpTo && rows.areSealed([event]) })),
    next:
      events.length > limit && last !== undefined
        ? writeCursor(question, { knownAt, place: [last.occurredAt, String(last.sessionSeq)] })
        : null,
    ...(await compared.sealed(null)),
  };
}

function placeOf([occurredAt, sessionSeq]: readonly string[]): PlaceInSession {
  return { occurredAt: occurredAt as Instant, sessionSeq: Number(sessionSeq) };
}

function heardOf([session]: readonly SessionSummary[], { realm, applications }: Asking): SessionSummary {
  if (session === undefined) throw notFound();
  const isWithin = applications === undefined || applications.includes(session.application);
  if (!isWithin || (realm !== undefined && realm !== session.realm)) throw notFound();
  return session;
}

function notFound(): SessionLedgerError {
  return new SessionLedgerError('ERR_SESSION_NOT_FOUND', 'the ledger has never seen this session', {
    field: 'sessionId',
  });
}
