import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import type { ClientSighting, ClientsPage } from '../query/clients-seen.js';
import type { LoggedInPage } from '../query/logged-in-at.js';
import type { EventsPage, OneSession } from '../query/session-history.js';
import type { SessionSummary } from '../query/session-summaries.js';
import type { SessionsPage } from '../query/sessions-of-user.js';
import type { InJson } from './in-json.js';
import {
  ClientAnswer,
  CoveredApplicationAnswer,
  EvidenceAnswer,
  SessionAtAnswer,
  UserInRealmAnswer,
} from './login-state-answer.dto.js';
import { ComparedAnswer } from './sealed-answer.dto.js';

/** A session by what the ledger says of it. */
export class SessionSummaryAnswer implements InJson<SessionSummary> {
  /** @example '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e' */
  sessionId!: string;
  /** @example 'alice' */
  userId!: string;
  /** @example 'default' */
  realm!: string;
  /** @example 'web' */
  application!: string;
  /** @example '2026-03-04T01:50:12.103442Z' */
  createdAt!: string;
  /**
   * The last fresh authentication: the opening, or a renewal with one.
   * @example '2026-03-04T01:50:12.103442Z'
   */
  authenticatedAt!: string;
  /** @example '2026-03-04T02:15:03.220518Z' */
  lastUsedAt!: string;
  /**
   * The deadline after its last use.
   * @example '2026-03-04T03:15:03.220518Z'
   */
  expiresAt!: string;
  /** @example '2026-03-05T01:50:12.103442Z' */
  absoluteExpiresAt!: string;
  /**
   * Null: it does not lapse by idling.
   * @example 3600
   */
  idleSeconds!: number | null;
  /**
   * `unknown`: a row that says so is not what was sealed.
   * @example 'ended'
   */
  state!: SessionSummary['state'];
  /**
   * Null unless it has ended.
   * @example '2026-03-04T02:31:09.004127Z'
   */
  endedAt!: string | null;
  /**
   * `idle` or `absolute` when it lapsed, else the code it was revoked with.
   * @example 'logout'
   */
  endReason!: string | null;
  /** @example ['pwd', 'otp'] */
  amr!: string[];
  acr!: string | null;
  /** Who acted as the user, if anybody did. */
  @ApiProperty({ example: null })
  actor!: UserInRealmAnswer | null;
  openedFrom!: ClientAnswer | null;
  lastUsedFrom!: ClientAnswer | null;
  /** The opening, the renewal whose limits are in force, the last use, and the end; in the order of the ledger. */
  evidence!: EvidenceAnswer[];
}

/** One session, and how what is said of it stands to the seals. */
export class OneSessionAnswer
  extends IntersectionType(SessionSummaryAnswer, ComparedAnswer)
  implements InJson<OneSession> {}

/** A page of a user's sessions, the newest first. */
export class SessionPageAnswer extends ComparedAnswer implements InJson<SessionsPage> {
  items!: SessionSummaryAnswer[];
  /** Goes into `after` for the page behind this one; null at the end. */
  next!: string | null;
  /** The applications whose sessions are listed. */
  applications!: CoveredApplicationAnswer[];
}

/** One event of the ledger. */
export class EventAnswer implements InJson<EventsPage['items'][number]> {
  /**
   * Its place in the ledger; gaps mean nothing.
   * @example 1234
   */
  seq!: number;
  /** @example '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e' */
  sessionId!: string | null;
  /**
   * Its place in its session, gapless from 1.
   * @example 1
   */
  sessionSeq!: number | null;
  /** @example 'created' */
  kind!: EventsPage['items'][number]['kind'];
  /** @example '2026-03-04T01:50:12.103442Z' */
  occurredAt!: string;
  /** @example '2026-03-04T01:50:12.103981Z' */
  recordedAt!: string;
  /**
   * The deadline that held after it; null once the session has ended.
   * @example '2026-03-04T02:50:12.103442Z'
   */
  expiresAt!: string | null;
  /** A code: `logout`, `admin`, `idle`, ... */
  reason!: string | null;
  /** @example 'web' */
  application!: string | null;
  @ApiProperty({ example: null })
  actor!: UserInRealmAnswer | null;
  client!: ClientAnswer | null;
  /**
   * The instance, and the API key it acted for, that wrote the event.
   * @example 'api-1 for api-key 8f0c1a52-6f5e-4b1d-9a57-0d2f8f5f9c11'
   */
  recordedBy!: string;
  /** @example { "amr": ["pwd", "otp"], "acr": null } */
  detail!: Record<string, unknown> | null;
  /**
   * Whether a published checkpoint covers the event.
   * @example true
   */
  sealed!: boolean;
}

/** A page of the events of a session, oldest first. */
export class EventPageAnswer extends ComparedAnswer implements InJson<EventsPage> {
  items!: EventAnswer[];
  next!: string | null;
}

/** A user with the sessions that were live at the instant; the newest first. */
export class LoggedInUserAnswer {
  /** @example 'alice' */
  userId!: string;
  /** @example 'default' */
  realm!: string;
  sessions!: SessionAtAnswer[];
  /** What these sessions rest on, in the order of the ledger. */
  evidence!: EvidenceAnswer[];
}

/** A page of everyone logged in at an instant. */
export class LoggedInAnswer extends ComparedAnswer implements InJson<LoggedInPage> {
  items!: LoggedInUserAnswer[];
  next!: string | null;
  /** @example '2026-03-04T02:14:00.000000Z' */
  at!: string;
  knownAt!: string | null;
  /**
   * Whether the whole list is final.
   * @example true
   */
  settled!: boolean;
  /** Null: whoever is neither on the list nor unknown was not logged in. Else why the ledger cannot know that. */
  absenceUnknown!: LoggedInPage['absenceUnknown'];
  /**
   * Users among those of this page of whom the ledger cannot know, because a row that decides is not what was sealed.
   * @example []
   */
  unknown!: UserInRealmAnswer[];
  applications!: CoveredApplicationAnswer[];
}

/** A session that was seen from a client, and when. */
export class ClientSightingAnswer implements InJson<ClientSighting> {
  client!: ClientAnswer;
  /** @example '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e' */
  sessionId!: string;
  /** @example 'alice' */
  userId!: string;
  /** @example 'default' */
  realm!: string;
  /** @example 'web' */
  application!: string;
  /** @example '2026-03-04T01:50:12.103442Z' */
  firstSeenAt!: string;
  /** @example '2026-03-04T02:15:03.220518Z' */
  lastSeenAt!: string;
  /** The opening of the session, and the first and last event from there; in the order of the ledger. */
  evidence!: EvidenceAnswer[];
}

/** A page of the sessions seen from an address, a network, or with an agent. */
export class ClientPageAnswer extends ComparedAnswer implements InJson<ClientsPage> {
  items!: ClientSightingAnswer[];
  next!: string | null;
}
