export { SessionLedgerError, type SessionLedgerErrorCode } from './errors.js';
export { SessionLedgerModule } from './session-ledger.module.js';
export type {
  DatabaseSettings,
  SessionLedgerExtras,
  SessionLedgerOptions,
  UseLimits,
} from './session-ledger.options.js';

export { SessionGuard } from './guard/session.guard.js';
export { Sessions, type SessionsContext } from './guard/sessions.js';
export { PassiveUse, PublicRoute, RequireFreshLogin } from './guard/route-rules.js';
export { CurrentSession, CurrentSubject, guardedRequest, type GuardedRequest } from './guard/guarded-request.js';
export type { SubjectLoader } from './guard/subject-loader.js';
export type { GuardSettings } from './guard/guard-options.js';
export type { CookieOptions } from './guard/session-cookie.js';
export type { CrossSiteOptions } from './guard/cross-site.js';
export type { HttpRequest } from './guard/http-request.js';
export { SessionLedgerHttpException } from './guard/http-exception.js';
export { SessionLedgerErrorFilter } from './guard/session-ledger-error.filter.js';

export type { ClientSeen } from './session/client.js';
export type { LiveSession, SessionActor } from './session/live-session.js';
export type { OpenedSession } from './session/open.js';
export type { OpenInput } from './session/open-input.js';
export type { OpeningPolicy } from './session/policy-of-opening.js';
export type { AdjustedPreset, CustomPolicy, Policy, PolicyOption } from './session/policy.js';
export type { PolicyPresetName } from './session/policy-presets.js';
export type { RenewedSession, RenewInput } from './session/renew.js';
export type { RevokeReason } from './session/reasons.js';
export type { RevokeInput, RevokeSessionsInput } from './session/revoke.js';
export type { OpenContext } from './session/sessions.js';
export type { UseContext } from './session/use-context.js';
export type { UseObserver } from './session/use-observer.js';
export type { RefusalReason, UseResult } from './session/use-result.js';

export { LoginHistory, type LoginHistoryOptions } from './query/login-history.js';
export type { Asking } from './query/asking.js';
export type {
  ClientsQuestion,
  LoggedInQuestion,
  LoginStateOverQuestion,
  LoginStateQuestion,
  SessionsQuestion,
} from './query/history-questions.js';
export type { LoginState } from './query/login-state-at.js';
export type { LoginStateOver } from './query/login-state-over.js';
export type { LoggedInPage, LoggedInUser } from './query/logged-in-at.js';
export type { SessionsPage } from './query/sessions-of-user.js';
export type { EventsPage, OneSession } from './query/session-history.js';
export type { SessionSummary } from './query/session-summaries.js';
export type { ClientSighting, ClientsPage } from './query/clients-seen.js';
export type { Page, PageAsked } from './query/page.js';
export type { BatchAnswer, BatchEntry, BatchLoginState, BatchOptions, BatchRow } from './query/batch-row.js';
export type { Answered } from './query/batch.js';

export type { SessionEvent } from './ledger/session-event.js';
export type { Instant } from './ledger/instant.js';
export { migrate, type Migrated, type MigrateOptions } from './ledger/migrate.js';
