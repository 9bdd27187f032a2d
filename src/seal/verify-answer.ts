import { createHash } from 'node:crypto';
import { canonicalJson } from '../ledger/canonical-json.js';
import type { Instant } from '../ledger/instant.js';
import type {
  DisclosedClient,
  Disclosure,
  ProvableAnswer,
  ProvenEvidence,
  ProvenSession,
} from './verify-evidence-file.js';
import { decidingEvent, isLiveBy, type LeafEvent } from './verify-live.js';

/** What an answer is worked out from. */
export interface AnswerGround {
  readonly userId: string;
  readonly realm: string;
  readonly at: Instant;
  /** Hex: what stands for the user in leaves; null where nothing about the user is at hand. */
  readonly subjectCommitment: string | null;
  /** Of sessions that were not live, only those opened or renewed after it count; null where all at hand do. */
  readonly since: Instant | null;
  /** Events that stand there one by one: those that say what is recorded at all count from here alone. */
  readonly events: readonly LeafEvent[];
  /** All events of a stretch. */
  readonly range: readonly LeafEvent[];
  readonly clients: readonly Disclosure<DisclosedClient>[];
}

/** A session of the user in the answer's applications, by the leaves at hand. */
export interface SessionAtHand {
  readonly sessionId: string;
  readonly created: LeafEvent | undefined;
  /** The latest renewal at or before the instant. */
  readonly renewed: LeafEvent | undefined;
  readonly decided: LeafEvent;
  readonly isLive: boolean;
  readonly actorId: string | undefined;
  /** The event that says where the session was used from; the last one, else the renewal, else the creation. */
  readonly seenBy: LeafEvent | undefined;
  /** The commitment to what it says, out of the event that introduced it to the session. */
  readonly clientCommitment: string | undefined;
}

/**
 * Works out an answer from leaves and disclosures alone. Whoever writes an evidence file and whoever checks one run this, so that a file
 * holds nothing that its reader cannot work out again.
 *
 * @returns the answer, and the sessions that it rests on
 */
export function answerByLeaves(ground: AnswerGround): { answer: ProvableAnswer; sessions: SessionAtHand[] } {
  const { userId, realm, at } = ground;
  const applications = applicationsOf(ground);
  const atHand = sessionsOf(
    ground,
    applications.map(({ name }) => name),
  );
  const live = atHand.filter(({ isLive }) => isLive);
  const isYes = live.some(({ actorId }) => actorId === undefined);
  const gaps = isYes ? [] : merged(ground).filter((event) => isGapAround(event, at));
  const sessions = gaps.length > 0 ? [] : isYes ? live : atHand;
  const opened = new Map(ground.clients.map((client) => [commitmentOf(client), client.value]));
  const shown = sessions.filter(({ isLive }) => isLive).flatMap((session) => provenSession(session, opened));
  return {
    answer: {
      userId,
      realm,
      at,
      answer: isYes ? 'logged_in' : gaps.length > 0 ? 'unknown' : 'not_logged_in',
      reason: gaps.length > 0 ? 'gap' : null,
      applications,
      sessions: shown.flatMap(({ actorId, ...session }) => (actorId === undefined ? session : [])),
      impersonations: shown.flatMap(({ actorId, ...session }) =>
        actorId === undefined ? [] : { ...session, actorId },
      ),
      evidence: inOrder([...gaps, ...sessions.flatMap((session) => eventsOf(session, isYes))]).map(evidenceOf),
    },
    sessions,
  };
}

/**
 * What a disclosure opens.
 *
 * @returns hex: SHA-256(salt || canonical JSON of the value)
 */
export function commitmentOf({ value, salt }: Disclosure<object>): string {
  const text = canonicalJson(value as Record<string, string | null>);
  return createHash('sha256').update(Buffer.from(salt, 'hex')).update(text).digest('hex');
}

/** Events by `seq`, each once. */
export function inOrder(events: readonly LeafEvent[]): LeafEvent[] {
  const bySeq = new Map(events.map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((a, b) => Number(a.seq) - Number(b.seq));
}

/** Whether an event says that those of the instant may be lost. */
export function isGapAround({ kind, detail }: LeafEvent, at: string): boolean {
  const [from, to] = [detail?.['from'], detail?.['to']];
  return kind === 'gap' && typeof from === 'string' && typeof to === 'string' && from <= at && at < to;
}

function merged({ events, range }: AnswerGround): LeafEvent[] {
  return inOrder([...events, ...range]);
}

function applicationsOf({ events, at }: AnswerGround): { name: string; recordingSince: string }[] {
  return inOrder(events)
    .filter(({ kind, occurredAt }) => kind === 'application_recorded' && occurredAt <= at)
    .map(({ application = '', occurredAt, seq }) => ({
      name: application,
      recordingSince: occurredAt,
      seq: Number(seq),
    }))
    .sort((a, b) =>
      a.recordingSince === b.recordingSince ? a.seq - b.seq : a.recordingSince < b.recordingSince ? -1 : 1,
    )
    .map(({ name, recordingSince }) => ({ name, recordingSince }));
}

/** The newest first. */
function sessionsOf(ground: AnswerGround, applications: readonly string[]): SessionAtHand[] {
  const { at, since, subjectCommitment } = ground;
  const bySession = new Map<string, LeafEvent[]>();
  for (const event of merged(ground)) {
    if (event.sessionId === undefined) continue;
    const others = bySession.get(event.sessionId);
    if (others === undefined) bySession.set(event.sessionId, [event]);
    else others.push(event);
  }
  return [...bySession.values()]
    .flatMap((events) => {
      const openings = events.filter(
        ({ kind, occurredAt, application, detail }) =>
          (kind === 'created' || kind === 'renewed') &&
          occurredAt <= at &&
          subjectCommitment !== null &&
          detail?.['subjectCommitment'] === subjectCommitment &&
          applications.includes(application ?? ''),
      );
      const last = openings.at(-1);
      if (last === undefined) return [];
      const session = sessionAtHand(last, events, at);
      // Whatever the time looked at, a session that was live is never passed over.
      return session.isLive || since === null || last.occurredAt > since ? session : [];
    })
    .sort((a, b) => seqOf(b) - seqOf(a));
}

function sessionAtHand(opening: LeafEvent, events: readonly LeafEvent[], at: string): SessionAtHand {
  const created = events.find(({ kind }) => kind === 'created');
  const renewed = events.findLast(({ kind, occurredAt }) => kind === 'renewed' && occurredAt <= at);
  const decided = decidingEvent(events, at)!;
  const seenBy = [decided, renewed, created].find((event) => event?.clientId !== undefined);
  const introducing = events.find(
    ({ clientId, detail }) => clientId === seenBy?.clientId && typeof detail?.['clientCommitment'] === 'string',
  );
  return {
    sessionId: opening.sessionId!,
    created,
    renewed,
    decided,
    isLive: isLiveBy(decided, at),
    actorId: opening.actorId,
    seenBy,
    clientCommitment: seenBy && (introducing?.detail?.['clientCommitment'] as string | undefined),
  };
}

function seqOf({ created, decided }: SessionAtHand): number {
  return Number((created ?? decided).seq);
}

function eventsOf({ created, renewed, decided }: SessionAtHand, isOfYes: boolean): LeafEvent[] {
  return isOfYes ? [created, renewed, decided].filter((event) => event !== undefined) : [decided];
}

/** Nothing of a session whose opening is not at hand: then there is no saying when it began. */
function provenSession(
  { sessionId, created, decided, actorId, clientCommitment }: SessionAtHand,
  opened: ReadonlyMap<string, DisclosedClient>,
): (ProvenSession & { actorId: string | undefined })[] {
  if (created?.application === undefined || decided.expiresAt === undefined) return [];
  return [
    {
      sessionId,
      application: created.application,
      createdAt: created.occurredAt,
      liveUntil: decided.expiresAt,
      lastUseAtOrBefore: decided.occurredAt,
      client: (clientCommitment !== undefined && opened.get(clientCommitment)) || null,
      actorId,
    },
  ];
}

function evidenceOf({ seq, kind, occurredAt, recordedAt }: LeafEvent): ProvenEvidence {
  return { seq: Number(seq), kind, occurredAt, recordedAt };
}
