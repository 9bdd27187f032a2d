import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { PlainEvent, PlainLedger, PlainSession, SessionKind } from './oracle.js';

/*
 * Ledgers as they can come about: what a step says is done only where the rules of sessions allow it. Instants come from
 * a few moments and round durations, so that boundaries of different sessions, gaps and policies fall together often;
 * the moments lie on both sides of midnight UTC on 1 February 2025, where one partition ends and the next begins.
 */

export interface RandomSession extends PlainSession {
  details: EventDetails[];
}

/** What an event says beyond what the oracle reads; one for each event of the session. */
export interface EventDetails {
  absoluteExpiresAt: bigint | null;
  idleSeconds: number | null;
  reason: string | null;
  isFresh: boolean;
}

/** A ledger made up, with every instant that its recording has to satisfy. */
export interface RandomLedger extends PlainLedger {
  /** Every user to ask about: some have no session, some not even a subject. */
  users: string[];
  sessions: RandomSession[];
}

export const seconds = (count: number): bigint => BigInt(count) * 1_000_000n;

const monthEnd = 1_738_368_000_000_000n; // 2025-02-01T00:00:00Z
const moments = [-7200, -3600, -600, -60, -1, 0, 1, 60, 300, 3600, 7200, 10_800].map((at) => monthEnd + seconds(at));
const ledgerStart = monthEnd - seconds(20_000);
const idles = [1, 60, 600, 3600, null];
const lifetimes = [1, 60, 600, 3600, 7200];
const firstLongest = 3600;

const moment = fc.constantFrom(...moments);
const shift = fc.constantFrom(-1n, 0n, 0n, 0n, 1n);
const delay = fc.constantFrom(
  0n,
  0n,
  0n,
  1n,
  400_000n,
  seconds(1),
  seconds(3),
  seconds(599),
  seconds(600),
  -1n,
  -seconds(60),
);
const policy = fc.record({ idleSeconds: fc.constantFrom(...idles), absoluteSeconds: fc.constantFrom(...lifetimes) });

/** How long after the session's last event: to a moment, round seconds, nothing at all, or around the deadline. */
const pause = fc.oneof(
  fc.constantFrom(0n, 0n, 1n, 2n, seconds(1), seconds(59), seconds(60), seconds(600)),
  fc.record({ until: moment, shift }),
  fc.record({ beforeDeadline: fc.constantFrom(1n, 1n, 2n, 0n) }),
);
type Pause = bigint | { until: bigint; shift: bigint } | { beforeDeadline: bigint };

const step = fc.record({
  act: fc.constantFrom('use', 'use', 'passive use', 'renew', 'renew freshly', 'revoke'),
  pause,
  policy,
  delay,
});
const session = fc.record({
  application: fc.nat(2),
  isImpersonation: fc.constantFrom(false, false, false, true),
  openedAt: fc.record({ moment, shift }),
  policy,
  delay,
  steps: fc.array(step, { maxLength: 7 }),
  expiredLate: fc.constantFrom(null, 0n, seconds(30), seconds(601), seconds(3600), seconds(3 * 86_400)),
  skew: fc.constantFrom(0n, 0n, seconds(1), seconds(599)),
});
type SessionPlan = typeof session extends fc.Arbitrary<infer Plan> ? Plan : never;

const plan = fc.record({
  applications: fc.array(fc.record({ moment, shift }), { minLength: 1, maxLength: 3 }),
  longestFrom: moment,
  gaps: fc.array(
    fc.record({
      from: moment,
      shift,
      length: fc.constantFrom(1n, seconds(1), seconds(600)),
      delay: fc.constantFrom(0n, seconds(3600)),
    }),
    {
      maxLength: 2,
    },
  ),
  users: fc.array(fc.array(session, { maxLength: 4 }), { minLength: 1, maxLength: 200, size: 'max' }),
});
type Plan = typeof plan extends fc.Arbitrary<infer Made> ? Made : never;

/** Ledgers of up to 200 users with up to four sessions each, in up to three applications. */
export const randomLedger: fc.Arbitrary<RandomLedger> = plan.map(ledgerOf);

function ledgerOf({ applications, longestFrom, gaps, users }: Plan): RandomLedger {
  const names = ['web', 'app', 'phone'];
  const recorded = applications.map(({ moment: at, shift: by }, index) => ({
    name: names[index]!,
    occurredAt: at + by,
    recordedAt: at + by,
    seq: 0,
  }));
  const policies = [
    { absoluteSeconds: firstLongest, occurredAt: ledgerStart, recordedAt: ledgerStart, seq: 0 },
    { absoluteSeconds: Math.max(...lifetimes), occurredAt: longestFrom, recordedAt: longestFrom, seq: 0 },
  ];
  const ledger: RandomLedger = {
    users: [...users.map((_, index) => userOf(index)), 'never seen', 'never opened'],
    subjects: [...users.map((_, index) => userOf(index)), 'never opened', 'the actor'],
    applications: recorded,
    policies,
    gaps: gaps.map(({ from, shift: by, length, delay: late }) => {
      const recordedAt = from + by + length + late;
      return { from: from + by, to: from + by + length, occurredAt: recordedAt, recordedAt, seq: 0 };
    }),
    sessions: users.flatMap((plans, user) =>
      plans.map((planned, index) => {
        const application = recorded[planned.application % recorded.length]!;
        return new SessionWriter(planned, { user, index, application, longestFrom }).session;
      }),
    ),
  };
  number(ledger, users.flat());
  return ledger;
}

function userOf(index: number): string {
  return `user ${index}`;
}

/** Lives a session's plan from event to event. */
class SessionWriter {
  readonly session: RandomSession;
  private absoluteExpiresAt: bigint;
  private authenticatedAt: bigint;
  private idleSeconds: number | null;
  private recordedAt = 0n;

  constructor(
    private readonly plan: SessionPlan,
    private readonly place: {
      user: number;
      index: number;
      application: { name: string; occurredAt: bigint };
      longestFrom: bigint;
    },
  ) {
    const { user, index, application } = place;
    const planned = plan.openedAt.moment + plan.openedAt.shift;
    const openedAt = planned < application.occurredAt ? application.occurredAt : planned;
    this.session = {
      sessionId: sessionIdOf(user, index, openedAt),
      userId: userOf(user),
      application: application.name,
      actorUserId: plan.isImpersonation ? 'the actor' : null,
      events: [],
      details: [],
    };
    this.authenticatedAt = openedAt;
    this.idleSeconds = plan.policy.idleSeconds;
    this.absoluteExpiresAt = openedAt + this.lifetime(plan.policy.absoluteSeconds, openedAt);
    this.record('created', openedAt, this.deadlineAfter(openedAt), plan.delay);
    this.live();
  }

  private live(): void {
    for (const planned of this.plan.steps) {
      const { occurredAt, expiresAt } = this.last();
      const isPastUse = planned.act === 'use' || planned.act === 'passive use';
      const at = max(this.instantOf(planned.pause), isPastUse ? occurredAt : occurredAt + 1n);
      if (at >= expiresAt!) break;
      if (planned.act === 'use') this.record('used', at, this.deadlineAfter(at), planned.delay);
      else if (planned.act === 'passive use') this.record('used', at, expiresAt, planned.delay, 'passive');
      else if (planned.act === 'revoke') return this.record('revoked', at, null, planned.delay, 'logout');
      else this.renew(at, planned);
    }
    this.expire();
  }

  private renew(at: bigint, { act, policy: renewed, delay: late }: SessionPlan['steps'][number]): void {
    const isFresh = act === 'renew freshly';
    const lifetime = this.lifetime(renewed.absoluteSeconds, at);
    const until = isFresh ? at + lifetime : min(this.absoluteExpiresAt, this.authenticatedAt + lifetime);
    const idleUntil = renewed.idleSeconds === null ? until : min(until, at + seconds(renewed.idleSeconds));
    if (idleUntil <= at) return;
    if (isFresh) this.authenticatedAt = at;
    this.absoluteExpiresAt = until;
    this.idleSeconds = renewed.idleSeconds;
    this.record('renewed', at, idleUntil, late);
    this.session.details.at(-1)!.isFresh = isFresh;
  }

  private expire(): void {
    const deadline = this.last().expiresAt!;
    if (this.plan.expiredLate === null) return;
    const reason = deadline === this.absoluteExpiresAt ? 'absolute' : 'idle';
    this.record('expired', deadline, null, this.plan.expiredLate, reason);
  }

  private record(
    kind: SessionKind,
    occurredAt: bigint,
    expiresAt: bigint | null,
    late: bigint,
    reason: string | null = null,
  ): void {
    // The events of one session are recorded one after the other, because each holds its row; and none before the
    // application and the policy that it rests on.
    const policyAt = occurredAt < this.place.longestFrom ? ledgerStart : this.place.longestFrom;
    this.recordedAt = [this.place.application.occurredAt, policyAt, occurredAt + late].reduce(max, this.recordedAt);
    const sessionSeq = this.session.events.length + 1;
    this.session.events.push({ seq: 0, sessionSeq, kind, occurredAt, recordedAt: this.recordedAt, expiresAt });
    const isOpening = kind === 'created' || kind === 'renewed';
    this.session.details.push({
      absoluteExpiresAt: isOpening ? this.absoluteExpiresAt : null,
      idleSeconds: isOpening ? this.idleSeconds : null,
      reason,
      isFresh: false,
    });
  }

  private last(): PlainEvent {
    return this.session.events.at(-1)!;
  }

  private deadlineAfter(at: bigint): bigint {
    return this.idleSeconds === null
      ? this.absoluteExpiresAt
      : min(at + seconds(this.idleSeconds), this.absoluteExpiresAt);
  }

  private lifetime(absoluteSeconds: number, at: bigint): bigint {
    return seconds(at >= this.place.longestFrom ? absoluteSeconds : Math.min(absoluteSeconds, firstLongest));
  }

  private instantOf(planned: Pause): bigint {
    const { occurredAt, expiresAt } = this.last();
    if (typeof planned === 'bigint') return occurredAt + planned;
    return 'until' in planned ? planned.until + planned.shift : expiresAt! - planned.beforeDeadline;
  }
}

/** A UUIDv7 of the instant, in the user's bucket: the last six bits of its subject. */
function sessionIdOf(user: number, index: number, openedAt: bigint): string {
  const id = createHash('sha256').update(`${user}/${index}`).digest().subarray(0, 16);
  id.writeUIntBE(Number(openedAt / 1000n), 0, 6);
  id[6] = 0x70 | (id[6]! & 0x0f);
  id[8] = 0x80 | (id[8]! & 0x3f);
  id[15] = (id[15]! & 0xc0) | (bucketOfUser(userOf(user)) & 0x3f);
  return uuid(id);
}

/** The subject that stands for a user. */
export function subjectIdOf(userId: string): string {
  const id = createHash('sha256').update(userId).digest().subarray(0, 16);
  id[6] = 0x40 | (id[6]! & 0x0f);
  id[8] = 0x80 | (id[8]! & 0x3f);
  return uuid(id);
}

function bucketOfUser(userId: string): number {
  return bucketOfUuid(subjectIdOf(userId));
}

/** The low six bits of an id. */
export function bucketOfUuid(id: string): number {
  return Number.parseInt(id.slice(-2), 16) & 63;
}

function uuid(id: Buffer): string {
  return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Gives every event its seq: rising within a session, and between sessions not in the order in which they were recorded. */
function number({ applications, policies, gaps, sessions }: RandomLedger, plans: SessionPlan[]): void {
  const facts = [...applications, ...policies, ...gaps].map((event) => ({ event, key: event.recordedAt }));
  const events = sessions.flatMap((each, index) =>
    each.events.map((event) => ({ event, key: event.recordedAt + plans[index]!.skew })),
  );
  const inOrder = [...facts, ...events].sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
  inOrder.forEach(({ event }, index) => {
    event.seq = 1000 + index;
  });
}

function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
