import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { SessionLedgerError } from '../errors.js';
import type { ApiKey } from '../operator/api-key.js';
import type { Asking } from '../query/asking.js';
import type { ServiceSettings } from './service-settings.js';

interface Actor {
  readonly userId: string;
  readonly realm: string;
}

/** Whoever holds the request's API key: what they may speak of, and under which name they are recorded. */
export class Caller {
  constructor(
    readonly key: ApiKey,
    private readonly settings: ServiceSettings,
    private readonly headerCaseId: string | undefined,
  ) {}

  /** Whether the key may speak of every realm and application. */
  get isUnbound(): boolean {
    return this.key.realm === null && this.key.applications === null;
  }

  /** The realm asked for, else the key's own, else the service's. */
  realm(asked: string | undefined): string {
    const realm = asked ?? this.key.realm ?? this.settings.realm;
    if (this.key.realm !== null && realm !== this.key.realm) throw outOfBounds('realm');
    return realm;
  }

  /** Who acts, in the realm they name, else in that of the user. */
  actor(actor: { userId: string; realm?: string } | undefined, userRealm?: string): Actor | undefined {
    return actor && { userId: actor.userId, realm: this.realm(actor.realm ?? userRealm) };
  }

  /** The application that a session is opened for: the one asked for, else the key's only one, else the service's. */
  application(asked: string | undefined): string {
    const own = this.key.applications?.length === 1 ? this.key.applications[0] : undefined;
    const application = asked ?? own ?? this.settings.application;
    this.refuseOtherApplications(application);
    return application;
  }

  /** A question may leave the application out; then it is about all that the key may speak of. */
  refuseOtherApplications(application: string | undefined): void {
    if (application === undefined || this.key.applications === null) return;
    if (!this.key.applications.includes(application)) throw outOfBounds('application');
  }

  /** Who wrote an event: this instance, for this key. Keys keep their row when revoked, so the id always has a name. */
  get recordedBy(): string {
    return `${[...this.settings.instance].slice(0, 200).join('')} for api-key ${this.key.apiKeyId}`;
  }

  /** Who asks, why, and of what they may hear. */
  asking(caseId: string | undefined): Asking {
    return {
      askedBy: `api-key ${this.key.apiKeyId} (${this.key.name})`,
      caseId: caseId ?? this.headerCaseId,
      realm: this.key.realm ?? undefined,
      applications: this.key.applications === null ? undefined : [...this.key.applications],
    };
  }
}

const callers = new WeakMap<Request, Caller>();

/** Called by the guard that has checked the key. */
export function rememberCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}

/** The caller of the request, for a controller's parameter. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = callers.get(context.switchToHttp().getRequest<Request>());
  if (caller === undefined) throw new SessionLedgerError('ERR_INTERNAL', 'the route has no ApiKeyGuard before it');
  return caller;
});

function outOfBounds(field: string): SessionLedgerError {
  return new SessionLedgerError('ERR_FORBIDDEN', `this API key is bound to another ${field}`, { field });
}
