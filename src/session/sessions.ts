import type { DataSource, EntityManager } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { poolUse, type PoolUse } from '../ledger/pool-use.js';
import { recorderId } from '../ledger/recorder.js';
import { parseToken, type TokenClaim } from '../token/session-token.js';
import { askedRevocation, type AskedRevocation } from './asked-revocation.js';
import { checkedAcr, checkedAmr, checkedAttributeKeys } from './attributes.js';
import { canonicalClient } from './client.js';
import { joinedTransaction } from './joined-transaction.js';
import { inLedgerTerms } from './ledger-terms.js';
import type { SessionActor } from './live-session.js';
import { openSession, type OpenedSession } from './open.js';
import { checkedOpening, type OpenInput } from './open-input.js';
import { PolicyOnLedger } from './policy-on-ledger.js';
import { notLive, renewSession, type RenewedSession, type RenewInput } from './renew.js';
import {
  revokeSession,
  revokeSessionsOf,
  type RevocationOfOne,
  type RevokeInput,
  type RevokeSessionsInput,
} from './revoke.js';
import { revokingActorId } from './revoking-actor.js';
import type { SessionsOptions } from './sessions-options.js';
import { ensureSubject, findSubject } from './subject.js';
import { UseBatches } from './use-batches.js';
import type { UseRequest } from './use-batches-options.js';
import type { UseContext } from './use-context.js';
import type { UseResult } from './use-result.js';
import { checkedName, checkedUserId } from '../ledger/user-id.js';

/** The transaction to join, and who records. */
export interface OpenContext {
  /** The manager of an open READ COMMITTED transaction of the application's: the session exists if that commits. */
  readonly manager?: EntityManager | undefined;
  /** Who records, 1 to 255 characters; the instance when omitted. */
  readonly recordedBy?: string | undefined;
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Opens, uses, renews and revokes sessions. Every change and its event commit together; what could not be recorded has
 * not happened.
 *
 * @example
 * const sessions = new Sessions(writer, { realm: 'default', application: 'web', policy: resolvePolicy('pci-dss-4'), instance: 'web-1' });
 * const { token } = await sessions.open({ userId: 'alice' });
 */
export class Sessions {
  private readonly uses: UseBatches;
  private readonly policyOnLedger: PolicyOnLedger;
  private readonly attributeKeys: readonly string[];

  /**
   * @param writer initialised, of the writer role: opens, renews and revokes.
   * @param usesWriter of the same role, with `writerConnections` and one more; records uses. A pool of its own, because
   * logins that wait for a locked user would otherwise take the connections of everybody's uses.
   */
  constructor(
    private readonly writer: DataSource,
    private readonly options: SessionsOptions,
    private readonly usesWriter: DataSource = writer,
  ) {
    checkedName(options.realm, 'realm');
    checkedName(options.application, 'application');
    checkedName(options.instance, 'instance');
    this.attributeKeys = checkedAttributeKeys(options.attributeKeys);
    const { writerConnections, ...useOptions } = options;
    this.uses = new UseBatches(usesWriter, {
      ...useOptions,
      ...(writerConnections === undefined ? {} : { writers: writerConnections }),
    });
    this.policyOnLedger = new PolicyOnLedger(writer, options.policy);
  }

  /**
   * Puts the application and the policy in force on the ledger. Called at start, it makes the recording begin then and
   * not with the first login: a question about the time between would be answered `unknown`.
   */
  async start(): Promise<void> {
    await this.policyOnLedger.ensure(this.options.application, await this.recorder(undefined));
  }

  /**
   * Opens a session for a user who has just authenticated.
   *
   * @throws SessionLedgerError ERR_INVALID_USER_ID, ERR_INVALID_INPUT, ERR_INVALID_POLICY, ERR_POLICY_LOOSENED,
   * ERR_SENSITIVE_ATTRIBUTE, ERR_TOO_MANY_SESSIONS, ERR_ISOLATION_LEVEL; ERR_LEDGER_UNAVAILABLE, ERR_LEDGER_BUSY or
   * ERR_CLOCK_BEHIND when it could not be recorded.
   * @example
   * const { token, session } = await sessions.open({ userId: 'alice', amr: ['pwd', 'otp'] });
   * await dataSource.transaction((manager) => sessions.open({ userId: 'alice' }, { manager }));
   */
  async open(input: OpenInput, context: OpenContext = {}): Promise<OpenedSession> {
    const opening = checkedOpening(input, this.options, this.attributeKeys);
    const executor = this.executorOf(context);
    const recordedBy = await this.recorder(context.recordedBy, executor);
    if (executor === this.writer) await this.policyOnLedger.ensure(opening.application, recordedBy);
    else await this.policyOnLedger.ensureForJoined(opening.application, recordedBy);
    const actorId = await this.subjectOf(opening.actor, executor);
    const subject = await ensureSubject(this.writer, opening.realm, opening.userId, executor);
    try {
      return await openSession(executor, opening, { subject, actorId, recordedBy });
    } catch (failure) {
      if (failure instanceof SessionLedgerError && failure.code === 'ERR_INVALID_POLICY') {
        this.policyOnLedger.forget(opening.application);
      }
      throw failure;
    }
  }

  /**
   * Records the use of a session and says whether its token is live. Resolves after the event has committed.
   *
   * @throws SessionLedgerError ERR_LEDGER_UNAVAILABLE, ERR_LEDGER_BUSY or ERR_CLOCK_BEHIND: the use was not recorded, or
   * it is not known whether it was; the request must not go on (503, Retry-After).
   * @example
   * const used = await sessions.use(token, { client: { ip: '203.0.113.7' } });
   * if (used.active) used.session.userId;
   */
  async use(token: string, context: UseContext = {}): Promise<UseResult> {
    const claim = parseToken(token);
    if (claim === undefined) {
      this.options.observer?.useRefused('malformed');
      return { active: false, why: 'malformed' };
    }
    return this.uses.record(this.checkedUse(claim, context));
  }

  /**
   * Gives a live session its next token; the one before is dead from here on.
   *
   * @throws SessionLedgerError ERR_SESSION_NOT_LIVE, ERR_INVALID_INPUT, ERR_SENSITIVE_ATTRIBUTE
   * @example
   * const { token: next } = await sessions.renew(token, { amr: ['pwd'] });
   */
  async renew(token: string, input: RenewInput = {}): Promise<RenewedSession> {
    const amr = checkedAmr(input.amr);
    const acr = checkedAcr(input.acr);
    const client = canonicalClient(input.client);
    const claim = parseToken(token);
    if (claim === undefined || (input.sessionId !== undefined && input.sessionId.toLowerCase() !== claim.sessionId)) {
      throw notLive();
    }
    const recordedBy = await this.recorder(input.recordedBy);
    return renewSession(this.writer, claim, { amr, acr, client, policy: this.options.policy, recordedBy });
  }

  /**
   * Revokes a session by its id. Twice is no error and adds no second event.
   *
   * @throws SessionLedgerError ERR_SESSION_NOT_FOUND for an id the ledger has never seen; ERR_INVALID_INPUT,
   * ERR_SENSITIVE_ATTRIBUTE
   * @example
   * await sessions.revoke(sessionId, { reason: 'admin', note: 'lost phone' }); // { revoked: 1 }
   */
  async revoke(sessionId: string, input: RevokeInput, context: OpenContext = {}): Promise<{ revoked: 0 | 1 }> {
    const asked = this.askedRevocation(input, context);
    const id = typeof sessionId === 'string' ? sessionId.toLowerCase() : '';
    if (!uuidPattern.test(id)) throw notFound();
    const { known, revoked } = await this.revokeOne(id, null, asked, context);
    if (!known) throw notFound();
    return { revoked };
  }

  /**
   * Revokes the session of a token: a logout. It needs the secret, not only the public id; a token that names no live
   * session of this secret revokes nothing.
   *
   * @example
   * await sessions.revokeToken(token, { reason: 'logout' });
   */
  async revokeToken(token: string, input: RevokeInput, context: OpenContext = {}): Promise<{ revoked: 0 | 1 }> {
    const asked = this.askedRevocation(input, context);
    const claim: TokenClaim | undefined = parseToken(token);
    if (claim === undefined) return { revoked: 0 };
    const { revoked } = await this.revokeOne(claim.sessionId, claim.secretDigest, asked, context);
    return { revoked };
  }

  /**
   * Revokes every session of a user, and those in which the user acts as somebody else. A login in flight is either
   * before this, and revoked, or after it.
   *
   * @example
   * await sessions.revokeSessions('alice', { reason: 'password_changed', exceptSessionId: session.sessionId });
   */
  async revokeSessions(
    userId: string,
    input: RevokeSessionsInput,
    context: OpenContext = {},
  ): Promise<{ revoked: number }> {
    checkedUserId(userId);
    const realm = checkedName(input.realm ?? this.options.realm, 'realm');
    const except = input.exceptSessionId?.toLowerCase();
    if (except !== undefined && !uuidPattern.test(except)) {
      throw new SessionLedgerError('ERR_INVALID_INPUT', 'exceptSessionId is not a session id', {
        field: 'exceptSessionId',
      });
    }
    const { actor, recordedBy, ...revocation } = this.askedRevocation(input, context);
    const executor = this.executorOf(context);
    // A snapshot that was taken too early may miss the user: the revocation itself refuses it.
    const subject = (await findSubject(executor, realm, userId)) ?? (await findSubject(this.writer, realm, userId));
    if (subject === undefined) return { revoked: 0 };
    const actorId = await this.subjectOf(actor, executor);
    const checked = { ...revocation, actorId, recordedBy: await this.recorder(recordedBy, executor) };
    const which = { exceptSessionId: except ?? null, applications: input.applications ?? null };
    return { revoked: await revokeSessionsOf(executor, subject.subjectId, which, checked) };
  }

  /**
   * Forgets what it remembers of the database, when a new connection may lead to another one: a promoted standby or a
   * restored backup gives out ids again that this process already holds, and may lack the policy it put there.
   */
  forgetDatabase(): void {
    this.policyOnLedger.forgetAll();
    this.uses.forgetDatabase();
  }

  /** How many uses wait to be recorded, for metrics. */
  get queuedUses(): number {
    return this.uses.queued;
  }

  /** How busy the connections that record uses are, for metrics. */
  get connectionsForUses(): PoolUse {
    return poolUse(this.usesWriter);
  }

  /** How busy the connections that open, renew and revoke are, for metrics. */
  get connectionsForChanges(): PoolUse {
    return poolUse(this.writer);
  }

  /** Takes no more uses, and resolves when those under way are settled. The data source is its owner's to close. */
  async close(): Promise<void> {
    await this.uses.close();
  }

  private checkedUse(claim: TokenClaim, { client, passive, recordedBy }: UseContext): UseRequest {
    try {
      return {
        claim,
        client: canonicalClient(client),
        passive: passive === true,
        recordedBy: this.recorderName(recordedBy),
      };
    } catch (failure) {
      this.options.observer?.useNotRecorded(toSessionLedgerError(failure).code);
      throw failure;
    }
  }

  private executorOf({ manager }: OpenContext): DataSource | EntityManager {
    return manager === undefined ? this.writer : joinedTransaction(manager);
  }

  private async revokeOne(
    sessionId: string,
    secretDigest: Buffer | null,
    { actor, recordedBy, ...revocation }: AskedRevocation,
    context: OpenContext,
  ): Promise<RevocationOfOne> {
    const executor = this.executorOf(context);
    const actorId = actor === null ? null : await revokingActorId(this.writer, executor, actor, sessionId);
    if (actorId === undefined) return { known: false, revoked: 0 };
    const checked = { ...revocation, actorId, recordedBy: await this.recorder(recordedBy, executor) };
    return revokeSession(executor, sessionId, secretDigest, checked);
  }

  private askedRevocation(input: RevokeInput, context: OpenContext): AskedRevocation {
    const recordedBy = this.recorderName(input.recordedBy ?? context.recordedBy);
    return askedRevocation(input, this.options.realm, recordedBy);
  }

  private async subjectOf(actor: SessionActor | null, lookOn: DataSource | EntityManager): Promise<string | null> {
    return actor === null ? null : (await ensureSubject(this.writer, actor.realm, actor.userId, lookOn)).subjectId;
  }

  /** Who records, put on record; its id is for each statement to look up, which may be the first one on another database. */
  private async recorder(name: string | undefined, lookOn: DataSource | EntityManager = this.writer): Promise<string> {
    const recordedBy = this.recorderName(name);
    await inLedgerTerms(() => recorderId(this.writer, recordedBy, undefined, lookOn));
    return recordedBy;
  }

  private recorderName(name: string | undefined): string {
    return name === undefined ? this.options.instance : checkedName(name, 'recordedBy');
  }
}

function notFound(): SessionLedgerError {
  return new SessionLedgerError('ERR_SESSION_NOT_FOUND', 'the ledger has never seen a session of this id', {
    field: 'sessionId',
  });
}
